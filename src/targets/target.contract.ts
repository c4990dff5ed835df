import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { isSluiceError, type SluiceError } from '../model/error.ts'
import type { ReleaseRecord, ReleaseService } from '../model/release.ts'
import type { TrafficSplit } from '../model/traffic-split.ts'
import { sleep } from '../support/clock.ts'
import { patiently } from '../support/testing/patiently.ts'
import type { LogLine, MutationOptions, Target } from './target.ts'

/** A target with nothing on it yet, and the means to look at it from outside. */
export interface TargetUnderTest {
  readonly target: Target
  readonly environment: string
  /**
   * A release of the test application (`e2e/apps/app.mjs`) as service `web`, reached at `/`, with these switches as
   * environment variables. Health path `/health`; ready within `readyMs`.
   */
  release(options: ReleaseOptions): ReleaseRecord
  /** GET by the public route, as a new visitor. Status 0: no answer. */
  get(path: string): Promise<{ readonly status: number; readonly text: string }>
  /** How long a request takes that is seen to be in flight here; absent: 700 ms. */
  readonly longRequestMs?: number
  /** Ends the instance without warning. */
  kill(instance: string): Promise<void>
  close(): Promise<void>
}

export interface ReleaseOptions {
  readonly id: string
  readonly env?: Readonly<Record<string, string>>
  readonly readyMs?: number
  /** Further services beside `web`, without routes. */
  readonly more?: readonly Partial<ReleaseService>[]
}

export interface TargetContract {
  readonly name: string
  readonly create: () => Promise<TargetUnderTest>
  /** Cases that the platform cannot satisfy, each with its reason. */
  readonly skip?: readonly { readonly test: string; readonly reason: string }[]
}

/** What every target promises. Each case starts with a target of its own. */
export function testTarget({ name, create, skip = [] }: TargetContract): void {
  describe(`target ${name}`, () => {
    let world: TargetUnderTest
    let target: Target
    let environment: string
    beforeEach(async () => {
      world = await create()
      ;({ target, environment } = world)
    })
    afterEach(() => world.close())

    const options = (given: Partial<MutationOptions> = {}) => optionsAt(target, given)
    const it = (sentence: string, run: () => Promise<void>) => {
      const skipped = skip.find((each) => each.test === sentence)
      if (skipped === undefined) test(sentence, run)
      else test.skip(`${sentence} (${skipped.reason})`, run)
    }
    const serve = async (release: ReleaseRecord, count = 1) => {
      await target.fleets.scale(release, { web: count }, options())
      await target.traffic.shift(only(release.id), options())
    }

    it('an environment that was never used has no fleets and no split', async () => {
      expect(await look(target)).toEqual({ fleets: [], fence: 0, split: null, traffic: {} })
    })

    it('scale brings up the instances asked for, all of them ready', async () => {
      const fleet = await target.fleets.scale(world.release({ id: 'r1' }), { web: 2 }, options())
      expect(fleet).toMatchObject({ environment, release: 'r1' })
      expect(fleet.instances.map(({ state }) => state)).toEqual(['ready', 'ready'])
      expect(new Set(fleet.instances.map(({ id }) => id)).size).toBe(2)
      expect((await look(target)).fleets).toEqual([fleet])
    })

    it('scaling to what is there changes nothing', async () => {
      const release = world.release({ id: 'r1' })
      const before = await target.fleets.scale(release, { web: 2 }, options())
      const after = await target.fleets.scale(release, { web: 2 }, options())
      expect(after.instances.map(({ id, startedAt }) => [id, startedAt])).toEqual(
        before.instances.map(({ id, startedAt }) => [id, startedAt]),
      )
    })

    it('a fleet grows and shrinks, and the instances that stay are left alone', async () => {
      const release = world.release({ id: 'r1' })
      const [first] = (await target.fleets.scale(release, { web: 1 }, options())).instances
      const grown = await target.fleets.scale(release, { web: 3 }, options())
      expect(grown.instances).toHaveLength(3)
      expect(grown.instances).toContainEqual(first)
      const shrunk = await target.fleets.scale(release, { web: 1 }, options())
      expect(shrunk.instances).toEqual([first])
      expect((await target.fleets.scale(release, { web: 0 }, options())).instances).toEqual([])
    })

    it('a replaced instance gets a successor under another id, the others stay', async () => {
      const release = world.release({ id: 'r1' })
      const before = await target.fleets.scale(release, { web: 2 }, options())
      const [gone, stays] = before.instances.map(({ id }) => id)
      const after = await target.fleets.scale(release, { web: 2 }, { ...options(), replace: [gone ?? ''] })
      const ids = after.instances.map(({ id }) => id)
      expect(ids).toHaveLength(2)
      expect(ids).toContain(stays)
      expect(ids).not.toContain(gone)
    })

    it('users reach a release only after the shift, and the router is the witness', async () => {
      const release = world.release({ id: 'r1' })
      await target.fleets.scale(release, { web: 1 }, options())
      expect((await look(target)).traffic.r1?.lastRequestAt ?? null).toBeNull()
      await target.traffic.shift(only('r1'), options())
      expect(await world.get('/')).toMatchObject({ status: 200, text: expect.stringContaining('"release":"r1"') })
      // The router may tell a little later than it acts.
      await eventually(async () => {
        const seen = (await look(target)).traffic.r1
        return seen !== undefined && seen.lastRequestAt !== null && seen.inFlight === 0
      })
      const state = await look(target)
      expect(state.split).toMatchObject({ base: 'r1', candidate: null })
      expect(target.traffic.urls(release).length).toBeGreaterThan(0)
      expect(state.traffic.r1?.healthyInstances).toBe(1)
      expect(state.traffic.r1?.lastRequestAt).not.toBeNull()
    })

    it('a split sends visitors to both releases, and the end of it all of them to one', async () => {
      await serve(world.release({ id: 'r1' }))
      await target.fleets.scale(world.release({ id: 'r2' }), { web: 1 }, options())
      await target.traffic.shift({ base: 'r1', candidate: 'r2', weight: 0.5, salt: 'd2' }, options())
      const seen = new Set<string>()
      for (let visit = 0; visit < 200 && seen.size < 2; visit++) seen.add(releaseOf((await world.get('/')).text))
      expect([...seen].toSorted()).toEqual(['r1', 'r2'])
      await target.traffic.shift(only('r2'), options())
      for (let visit = 0; visit < 10; visit++) expect(releaseOf((await world.get('/')).text)).toBe('r2')
    })

    it('shift refuses to lead users to a release without a ready instance, and changes nothing', async () => {
      await serve(world.release({ id: 'r1' }))
      const r2 = world.release({ id: 'r2' })
      await target.fleets.scale(r2, { web: 0 }, options())
      const split = { base: 'r1', candidate: 'r2', weight: 0.1, salt: 'd2' }
      await expect(target.traffic.shift(split, options())).rejects.toMatchObject({ code: 'NO_READY_INSTANCE' })
      expect((await look(target)).split).toMatchObject({ base: 'r1', candidate: null })
      expect(await world.get('/')).toMatchObject({ status: 200 })
    })

    it('mutations under an older fence are refused', async () => {
      const release = world.release({ id: 'r1' })
      await target.fleets.scale(release, { web: 1 }, options({ fence: 7 }))
      const old = options({ fence: 6 })
      await expect(target.fleets.scale(release, { web: 2 }, old)).rejects.toMatchObject({ code: 'FENCED' })
      await expect(target.traffic.shift(only('r1'), old)).rejects.toMatchObject({ code: 'FENCED' })
      await expect(target.fleets.retire('r1', old)).rejects.toMatchObject({ code: 'FENCED' })
      expect((await look(target)).fence).toBe(7)
    })

    it('a release that still gets traffic is not retired', async () => {
      await serve(world.release({ id: 'r1' }))
      await expect(target.fleets.retire('r1', options())).rejects.toMatchObject({ code: 'STATE_CONFLICT' })
      expect(await world.get('/')).toMatchObject({ status: 200 })
    })

    it('retire lets requests in flight finish, removes the fleet, and may be repeated', async () => {
      await serve(world.release({ id: 'r1' }))
      await target.fleets.scale(world.release({ id: 'r2' }), { web: 1 }, options())
      const slow = world.get(`/slow?ms=${world.longRequestMs ?? 700}`)
      await eventually(async () => ((await look(target)).traffic.r1?.inFlight ?? 0) > 0)
      await target.traffic.shift(only('r2'), options())
      const retired = await target.fleets.retire('r1', options())
      expect(retired).toMatchObject({ cut: 0 })
      expect(retired.stopped).toHaveLength(1)
      expect(await slow).toMatchObject({ status: 200, text: expect.stringContaining('"release":"r1"') })
      expect((await look(target)).fleets.map(({ release }) => release)).toEqual(['r2'])
      expect(await target.fleets.retire('r1', options())).toEqual({ stopped: [], cut: 0 })
    })

    it('retire ends an event stream cleanly, and does not wait for the drain to pass', async () => {
      await serve(patient(world.release({ id: 'r1' })))
      await target.fleets.scale(world.release({ id: 'r2' }), { web: 1 }, options())
      const stream = world.get('/sse?ms=50')
      await eventually(async () => ((await look(target)).traffic.r1?.inFlight ?? 0) > 0)
      await target.traffic.shift(only('r2'), options())
      expect(await target.fleets.retire('r1', options())).toMatchObject({ cut: 0 })
      const { status, text } = await stream
      expect(status).toBe(200)
      expect(text).toMatch(/\n\n$/)
    })

    it('retire ends WebSockets with a goodbye, and does not wait for the drain to pass', async () => {
      await serve(patient(world.release({ id: 'r1' })), 2)
      await target.fleets.scale(world.release({ id: 'r2' }), { web: 1 }, options())
      const [url = ''] = target.traffic.urls(world.release({ id: 'r1' }))
      const codes = await Promise.all(Array.from({ length: 6 }, () => openWebSocket(url)))
      await target.traffic.shift(only('r2'), options())
      expect(await target.fleets.retire('r1', options())).toMatchObject({ cut: 0 })
      for (const code of await Promise.all(codes.map(({ closed }) => closed))) expect([1001, 1012]).toContain(code)
    })

    it('retire cuts what an application does not end in its grace, and counts it', async () => {
      const release = world.release({ id: 'r1', env: { APP_IGNORE_SIGTERM: '1' } })
      await serve({
        ...release,
        services: release.services.map((service) => ({ ...service, drainMs: 200, stopGraceMs: 500 })),
      })
      await target.fleets.scale(world.release({ id: 'r2' }), { web: 1 }, options())
      const slow = world.get('/slow?ms=600000')
      await eventually(async () => ((await look(target)).traffic.r1?.inFlight ?? 0) > 0)
      await target.traffic.shift(only('r2'), options())
      expect(await target.fleets.retire('r1', options())).toMatchObject({ cut: 1 })
      expect((await slow).status).not.toBe(200)
    })

    const faults: readonly { what: string; env: Record<string, string>; code: string }[] = [
      { what: 'never opens its port', env: { APP_NEVER_LISTEN: '1' }, code: 'INSTANCE_NOT_LISTENING' },
      { what: 'opens another port', env: { APP_PORT: '0' }, code: 'INSTANCE_NOT_LISTENING' },
      { what: 'answers its health path with 500', env: { APP_HEALTH_STATUS: '500' }, code: 'INSTANCE_UNHEALTHY' },
      { what: 'never answers its health path', env: { APP_HEALTH_DELAY_MS: '600000' }, code: 'INSTANCE_NEVER_READY' },
      {
        what: 'crashes while it boots',
        env: { APP_CRASH_AFTER_MS: '0', APP_EXIT_CODE: '3' },
        code: 'INSTANCE_CRASHED',
      },
    ]
    for (const { what, env, code } of faults) {
      it(`a release that ${what} fails with its own error, its log and nothing left behind`, async () => {
        await serve(world.release({ id: 'r1' }))
        const scale = (readyMs: number) =>
          target.fleets.scale(world.release({ id: 'r2', env, readyMs }), { web: 2 }, options()).then(
            () => null,
            (error: unknown) => error,
          )
        const failure = await patiently(900, scale, (error) => isSluiceError(error) && saysThatItStarted(error, code))
        expect(failure).toMatchObject({
          code,
          hint: expect.any(String),
          details: { logTail: expect.arrayContaining([expect.stringContaining('started, pid')]) },
        })
        const { fleets } = await look(target)
        expect(fleets.flatMap(({ instances }) => instances).map(({ release }) => release)).toEqual(['r1'])
        expect(await world.get('/')).toMatchObject({ status: 200, text: expect.stringContaining('"release":"r1"') })
      })
    }

    it('a scale that is aborted ends at once and leaves nothing behind', async () => {
      const release = world.release({ id: 'r1', env: { APP_NEVER_LISTEN: '1' }, readyMs: 60_000 })
      const cancelled = new AbortController()
      const scaling = target.fleets.scale(release, { web: 2 }, options({ signal: cancelled.signal }))
      scaling.catch(() => {})
      await eventually(async () => (await look(target)).fleets[0]?.instances.length === 2)
      cancelled.abort(new Error('not any more'))
      await expect(scaling).rejects.toThrow('not any more')
      expect((await look(target)).fleets).toEqual([])
    })

    it('a scale that cannot end by its deadline says so', async () => {
      const release = world.release({ id: 'r1', env: { APP_NEVER_LISTEN: '1' }, readyMs: 60_000 })
      const scaling = target.fleets.scale(release, { web: 1 }, options({ deadlineMs: 400 }))
      await expect(scaling).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
    })

    it('an instance that is killed comes back by itself and gets traffic again', async () => {
      const release = world.release({ id: 'r1' })
      await serve(release, 2)
      const [victim] = (await look(target)).fleets[0]?.instances ?? []
      await world.kill(victim?.id ?? '')
      await eventually(async () => (await look(target)).traffic.r1?.healthyInstances === 1)
      await eventually(async () => (await look(target)).traffic.r1?.healthyInstances === 2)
      expect(await world.get('/')).toMatchObject({ status: 200 })
    })

    it('while all instances are killed, requests wait for them to come back, and none fails', async () => {
      await serve(world.release({ id: 'r1' }), 2)
      const visits: Promise<{ readonly status: number }>[] = []
      let visiting = true
      const visitors = Array.from({ length: 4 }, async () => {
        while (visiting) {
          const visit = world.get('/')
          visits.push(visit)
          await visit
        }
      })
      await eventually(() => visits.length > 20)
      const victims = (await look(target)).fleets[0]?.instances ?? []
      await Promise.all(victims.map(({ id }) => world.kill(id)))
      await eventually(async () => {
        const instances = (await look(target)).fleets[0]?.instances ?? []
        return instances.length === 2 && instances.every(({ restarts, state }) => restarts === 1 && state === 'ready')
      })
      const before = visits.length
      await eventually(() => visits.length > before + 20)
      visiting = false
      await Promise.all(visitors)
      const statuses = (await Promise.all(visits)).map(({ status }) => status)
      expect(statuses.filter((status) => status !== 200)).toEqual([])
    })

    it('services of one release reach each other, and only each other', async () => {
      const more = [{ name: 'api' }]
      for (const id of ['r1', 'r2']) {
        await target.fleets.scale(world.release({ id, more }), { web: 1, api: 1 }, options())
      }
      for (const id of ['r1', 'r2']) {
        await target.traffic.shift(only(id), options())
        const { status, text } = await world.get('/call?service=api&path=/who')
        expect(status).toBe(200)
        const { caller, body } = JSON.parse(text) as { caller: { release: string }; body: string }
        expect([caller.release, releaseOf(body)]).toEqual([id, id])
      }
    })

    it('samples tell what was requested, from the cursor on', async () => {
      await serve(world.release({ id: 'r1' }))
      for (let visit = 0; visit < 5; visit++) await world.get('/')
      const ended = new AbortController()
      let requests = 0
      for await (const batch of target.witness.samples({ signal: ended.signal })) {
        requests += batch.samples.reduce((sum, sample) => sum + sample.requests, 0)
        expect(batch.cursor).not.toBe('')
        expect(batch.samples.every(({ release, service }) => release === 'r1' && service === 'web')).toBe(true)
        if (requests >= 5) ended.abort()
      }
      expect(requests).toBeGreaterThanOrEqual(5)
    })

    it('logs come with their origin, and go on while they are followed', async () => {
      await serve(world.release({ id: 'r1' }))
      const ended = new AbortController()
      const seen: LogLine[] = []
      const query = { service: 'web', release: 'r1', tail: 10, follow: true, signal: ended.signal }
      const reading = (async () => {
        for await (const line of target.witness.logs(query)) seen.push(line)
      })()
      await eventually(() => seen.some(({ line }) => line.includes('listening on')))
      await world.get('/log?line=hello-from-the-app')
      await eventually(() => seen.some(({ line }) => line === 'hello-from-the-app'))
      ended.abort()
      await reading
      expect(seen.every(({ service, release }) => service === 'web' && release === 'r1')).toBe(true)
    })
  })
}

/** Deadlines only end what hangs: nothing takes so long at this place, however often it begins anew. */
function optionsAt({ capabilities: { pace } }: Target, given: Partial<MutationOptions>): MutationOptions {
  return options({ deadlineMs: 5 * (pace.launchMs + pace.shiftMs + pace.quietMs), ...given })
}

/** It had the time to get as far as its own error: how long that takes is a matter of the machine. */
function saysThatItStarted({ code, details }: SluiceError, expected: string): boolean {
  return code === expected && JSON.stringify(details.logTail ?? []).includes('started, pid')
}

export function options(given: Partial<MutationOptions> = {}): MutationOptions {
  return { signal: new AbortController().signal, deadlineMs: 120_000, fence: 1, ...given }
}

/** Waiting for its whole drain would take longer than anything in these cases may. */
function patient(release: ReleaseRecord): ReleaseRecord {
  return { ...release, services: release.services.map((service) => ({ ...service, drainMs: 600_000 })) }
}

/** Resolves when it is open; `closed` is the code that it is closed with. */
async function openWebSocket(url: string): Promise<{ readonly closed: Promise<number> }> {
  const socket = new WebSocket(url.replace(/^http/, 'ws'))
  const closed = new Promise<number>((resolve) => socket.once('close', resolve))
  await new Promise((resolve, reject) => {
    socket.once('open', resolve)
    socket.once('error', reject)
  })
  return { closed }
}

/** Everything that can be seen of the environment now. */
export async function look(target: Target) {
  const [{ fleets, fence }, { split, releases }] = await Promise.all([target.fleets.inspect(), target.traffic.usage()])
  return { fleets, fence, split, traffic: releases }
}

export function only(release: string): TrafficSplit {
  return { base: release, candidate: null, weight: 0, salt: '' }
}

function releaseOf(text: string): string {
  return (JSON.parse(text) as { release: string }).release
}

async function eventually(check: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 120_000
  while (!(await check())) {
    if (performance.now() > deadline) throw new Error(`never became true: ${check.toString()}`)
    await sleep(20)
  }
}
