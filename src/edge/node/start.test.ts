import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { identityOf } from '../../support/process-identity.ts'
import { until } from '../contract/until.ts'
import { startNodeEdge } from './start.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sluice-start-'))
})
afterEach(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }))

describe('starting the Node edge', () => {
  test('several times at once makes one process, and stopping it ends it', async () => {
    const edges = await Promise.all([1, 2, 3].map(() => startNodeEdge({ directory })))
    const pids = new Set(await Promise.all(edges.map(async (edge) => (await edge.inspect()).pid)))
    expect(pids.size).toBe(1)
    const [pid = 0] = pids
    expect((await stat(join(directory, 'control.sock'))).mode & 0o777).toBe(0o600)
    await edges[0]?.close({ stop: true })
    await Promise.all(edges.slice(1).map((edge) => edge.close()))
    await until('the process has ended', () => identityOf(pid) === null)
    await expect(edges[1]?.inspect({ deadlineMs: 2000 })).rejects.toMatchObject({ code: 'EDGE_UNREACHABLE' })
  })

  test('with a state that no copy of can be read says so instead of serving nothing', async () => {
    await writeFile(join(directory, 'edge-state.json'), 'nonsense')
    const failure = await startNodeEdge({ directory }).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'EDGE_UNREACHABLE' })
    expect(String(failure)).toContain('cannot read its state')
    await rm(join(directory, 'edge-state.json'))
    const edge = await startNodeEdge({ directory })
    await edge.close({ stop: true })
  })
})
