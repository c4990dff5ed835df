import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Installation, installation } from './support/installation.ts'
import { startTraffic } from './support/traffic/start.ts'
import type { Traffic } from './support/traffic/traffic.ts'

/** The whole product: the real command line, control plane, PostgreSQL, edge and processes, under real traffic. */
let place: Installation
let traffic: Traffic
const serving = async () => {
  const { document } = await place.sluice('status', 'production')
  return (document.environments as { release: string | null }[])[0]?.release
}

const latest = async () => {
  const { document } = await place.sluice('status', 'production')
  return (document.environments as { deployment: { id: string } | null }[])[0]?.deployment?.id
}

beforeAll(async () => {
  place = await installation({ environments: { production: 'rolling' } })
})
afterAll(async () => {
  await traffic?.stop()
  await place?.remove()
})

describe('sluice, end to end', () => {
  test('deploys a first release and says where it is', async () => {
    const { code, document } = await place.sluice('deploy', 'production')
    expect(document, JSON.stringify(document)).toMatchObject({
      v: 1,
      status: 'succeeded',
      environment: 'production',
      release: 'r1',
      previousRelease: null,
    })
    expect(code).toBe(0)
    const [url = ''] = document.urls as string[]
    const response = await fetch(url.replace('localhost', '127.0.0.1'))
    expect(response.headers.get('x-sluice-release')).toBe('r1')
    traffic = await startTraffic({
      target: `http://127.0.0.1:${place.ports.production}`,
      requestsPerSecond: 60,
      clients: [
        { kind: 'keep-alive', path: '/', share: 3 },
        { kind: 'fresh', path: '/' },
        { kind: 'post', path: '/echo' },
      ],
    })
  })

  test('replaces it under traffic', async () => {
    await place.commit()
    expect((await place.sluice('deploy', 'production')).document).toMatchObject({
      status: 'succeeded',
      release: 'r2',
      previousRelease: 'r1',
    })
  })

  test('does not build the same commit twice', async () => {
    const { document } = await place.sluice('deploy', 'production')
    expect(document).toMatchObject({ status: 'succeeded', release: 'r3' })
    const { document: shown } = await place.sluice('releases', 'show', 'r3')
    expect(shown.differences).toContain('same artifact')
  })

  test('leaves users untouched when a release crashes, and shows its last lines', async () => {
    const before = await serving()
    await place.commit({ APP_CRASH_AFTER_MS: '0', APP_EXIT_CODE: '3' })
    const { code, document } = await place.sluice('deploy', 'production')
    expect(document).toMatchObject({ status: 'failed', reason: { code: 'INSTANCE_CRASHED' } })
    expect(JSON.stringify(document.reason)).toContain('crashed on purpose')
    expect(code).toBe(4)
    expect(await serving()).toBe(before)
  })

  test('takes traffic back from a release that fails its requests', async () => {
    const before = await serving()
    await place.setStrategy('production', {
      name: 'canary',
      observe: '20s',
      maxWait: '60s',
      bake: '5s',
      latency: false,
    })
    await place.commit({ APP_ERROR_RATE: '0.5' })
    const { code, document } = await place.sluice('deploy', 'production')
    expect(document, JSON.stringify(document)).toMatchObject({ status: 'rolled-back', reason: { code: 'ROLLED_BACK' } })
    expect(code).toBe(4)
    expect(await serving()).toBe(before)
    const { document: replayed } = await place.sluice('judge', 'replay', String(document.deployment))
    expect(replayed.verdict).toEqual(document.verdict)
  })

  test('goes back by hand to a warm fleet while the bake watches', async () => {
    const before = await serving()
    await place.setStrategy('production', { name: 'blue-green', bake: '10m', latency: false })
    await place.commit()
    const { document } = await place.sluice('deploy', 'production', '--until', 'serving')
    expect(document).toMatchObject({ status: 'serving', previousRelease: before })
    expect((await place.sluice('rollback', 'production', '--check')).document).toMatchObject({
      possible: true,
      way: 'warm',
    })
    const { code, document: back } = await place.sluice('rollback', 'production')
    expect(back).toMatchObject({ status: 'succeeded', release: before })
    expect(code).toBe(0)
    expect(await serving()).toBe(before)
  })

  test('finishes a deployment whose control plane was killed', async () => {
    await place.setStrategy('production', { name: 'blue-green', bake: '2s', latency: false })
    await place.commit()
    const before = await latest()
    const deploying = place.sluice('deploy', 'production')
    while ((await latest()) === before) await sleep(50)
    const pid = await place.controlPid()
    if (pid !== null) process.kill(pid, 'SIGKILL')
    expect((await deploying).document).toMatchObject({ status: 'succeeded' })
    expect(await place.controlPid()).not.toBe(pid)
  })

  test('refuses a second control plane on the same home and stays up', async () => {
    const [first, second] = await Promise.all([place.sluice('up'), place.sluice('up')])
    expect([first.code, second.code]).toEqual([0, 0])
    expect((first.document.controlPlane as { pid: number }).pid).toBe(
      (second.document.controlPlane as { pid: number }).pid,
    )
  })

  test('says what is wrong with an unknown environment', async () => {
    const { code, document } = await place.sluice('deploy', 'prodction')
    expect(code).toBe(2)
    expect(document).toMatchObject({ status: 'error', code: 'ENVIRONMENT_UNKNOWN' })
  })

  test('through all of this no request failed but those that bad releases answered themselves', async () => {
    const stats = await traffic.stats()
    const byEdge = stats.failures.filter((failure) => failure.release === null || failure.edgeError !== null)
    expect(byEdge).toEqual([])
    expect(stats.requests).toBeGreaterThan(1000)
  })
})
