import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePort } from '../../support/testing/free-port.ts'
import type { Edge } from '../edge.ts'
import { exchange } from '../testing/http-client.ts'
import { routeTable } from '../testing/route-tables.ts'
import { startTestApp, type TestApp } from '../testing/test-app.ts'
import { findHaproxy } from './program/find-haproxy.ts'
import { startHaproxyEdge } from './start.ts'

const installed =
  (await findHaproxy({ searchPath: process.env['PATH'] ?? '' })) !== null || process.env['CI'] === 'true'

/** The half of each contract case that HAProxy keeps, where it cannot keep the whole. */
describe.skipIf(!installed)('limits of the HAProxy edge (needs haproxy)', () => {
  let directory: string
  let edge: Edge
  let app: TestApp
  let port: number
  const isAnswered = (text: string) => text.includes('\r\n\r\n')

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'sluice-haproxy-'))
    edge = await startHaproxyEdge({ directory })
    app = await startTestApp({ id: 'a1', release: 'r1' })
    port = await freePort()
    const limits = { headerBytes: 8192, bodyIdleMs: 300, responseMs: 2000 }
    await edge.apply(routeTable({ http: port, fleets: { r1: [app.instance] }, limits }))
  })
  afterAll(async () => {
    await edge.close({ stop: true })
    await app.kill()
    await rm(directory, { recursive: true, force: true, maxRetries: 5 })
  })

  test('a head above the limit is 431, one far above it is refused too, and none reaches the application', async () => {
    const answerTo = (bytes: number) =>
      exchange(port, `GET / HTTP/1.1\r\nHost: a\r\nX-Big: ${'x'.repeat(bytes)}\r\n\r\n`, isAnswered)
    expect(await answerTo(9000)).toMatch(/^HTTP\/1\.1 431 [^]*x-sluice-error: HEADERS_TOO_LARGE/)
    expect(await answerTo(100_000)).toMatch(/^HTTP\/1\.1 400 /)
    expect(app.seen).toEqual([])
    expect(await answerTo(6000)).toMatch(/^HTTP\/1\.1 200 /)
  })

  test('a head of a thousand headers, just below a large limit, passes; one just above it is 431', async () => {
    const large = await freePort()
    await edge.apply(
      routeTable({
        environment: 'large.production',
        http: large,
        fleets: { r1: [app.instance] },
        limits: { headerBytes: 15_000 },
      }),
    )
    const answerTo = (bytes: number, headers: number) => {
      const short = Array.from({ length: headers }, (_, index) => `X${index}: y\r\n`).join('')
      const head = `GET / HTTP/1.1\r\nHost: a\r\n${short}X-Big: `
      return exchange(large, `${head}${'x'.repeat(bytes - head.length - 4)}\r\n\r\n`, isAnswered)
    }
    expect(await answerTo(14_900, 950)).toMatch(/^HTTP\/1\.1 200 /)
    expect(await answerTo(16_000, 10)).toMatch(/^HTTP\/1\.1 431 [^]*x-sluice-error: HEADERS_TOO_LARGE/)
  })

  test('a body that falls silent ends the request when the application had its time', async () => {
    const text = await exchange(port, 'POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc', isAnswered)
    expect(text).toMatch(/^HTTP\/1\.1 (?:408|504) /)
  })
})
