import { describe, expect, test } from 'vitest'
import { type Decision, explain, type JudgeState, policyFrom, replay, start, step } from './index.ts'
import { BEGIN, capabilities, four, makeHistory, runRollout, sampleOf } from './testing/traffic.ts'

const throughJson = (state: JudgeState): JudgeState => JSON.parse(JSON.stringify(state)) as JudgeState
const actions = (decisions: readonly Decision[]) => [...new Set(decisions.map(({ action }) => action))]

describe('a release that fails more', () => {
  test('is withdrawn first, looked at again, and rolled back with a sentence that says why', () => {
    const { state, decisions, last, failedNew } = runRollout(policyFrom(), 600, { newRate: 0.5 })
    expect(last.action).toBe('roll-back')
    expect(last.conclusive).toBe(true)
    expect(actions(decisions)).toEqual(['ramp', 'retreat', 'confirm', 'roll-back'])
    expect(failedNew).toBeLessThan(20)
    const verdict = explain(state)
    expect(verdict.summary).toMatch(
      /^traffic withdrawn after \d+ s, rolled back after \d+ s: \d+ of \d+ requests failed on the new release, \d+ of [\d,]+ on the old; [\d,]+ times the risk \(95 %: at least [\d,.]+ times\)$/,
    )
    expect(verdict.protectedAfterSeconds).toBeLessThan(verdict.decidedAfterSeconds ?? 0)
    expect(verdict.counts.new.bad).toBe(failedNew)
    expect(verdict.timeline.at(-1)).toMatchObject({ action: 'roll-back', weight: 0 })
  })

  test('stays rolled back, whatever comes after', () => {
    const { state, last } = runRollout(policyFrom(), 600, { newRate: 0.5 })
    const nothing = { samples: [], instances: four('new') }
    const later = step(state, { second: BEGIN + 700, old: nothing, new: nothing, weight: 0, probes: [], capabilities })
    expect(later.decision).toMatchObject({ action: 'roll-back', weight: 0, reasons: [{ text: last.reasons[0]?.text }] })
  })

  test.each([1, 2, 3])('is rolled back with %i instances in each fleet, without a figure that is not a number', (n) => {
    const oldInstances = four('old').slice(0, n)
    const newInstances = four('new').slice(0, n)
    for (const seed of [1, 2, 3]) {
      const { decisions, last } = runRollout(policyFrom(), 1200, { newRate: 0.05, oldInstances, newInstances, seed })
      expect(last.action).toBe('roll-back')
      expect(decisions.every(({ weight }) => Number.isFinite(weight) && weight >= 0 && weight <= 1)).toBe(true)
    }
  })

  test('is found at 2 % when it is 1 % that is not allowed and the old one fails as often', () => {
    const { last } = runRollout(policyFrom(), 1800, { oldRate: 0.008, newRate: 0.04 })
    expect(last.action).toBe('roll-back')
  })

  test('is judged alone, by the absolute limit, when no old release is alive', () => {
    const options = { newRate: 0.2, oldInstances: [], historySeconds: 0 }
    const { last, decisions } = runRollout(policyFrom({ mode: 'watch' }), 300, options)
    expect(last).toMatchObject({ action: 'roll-back', reasons: [{ test: 'absolute' }] })
    expect(actions(decisions)).not.toContain('retreat')
  })

  test('is judged by the absolute limit where traffic can only be taken back as a whole', () => {
    const options = { newRate: 0.2, capabilities: { canLower: false } }
    const { last, decisions } = runRollout(policyFrom({ mode: 'watch' }), 300, options)
    expect(last).toMatchObject({ action: 'roll-back', reasons: [{ test: 'absolute' }] })
    expect(actions(decisions)).not.toContain('retreat')
  })

  test('is found during the bake, and traffic goes back to the warm old release to confirm it', () => {
    const { decisions, last } = runRollout(policyFrom({ mode: 'watch' }), 600, {
      newRate: (second) => (second < 60 ? 0.001 : 0.1),
    })
    expect(last.action).toBe('roll-back')
    expect(decisions[0]).toMatchObject({ action: 'hold', weight: 1 })
    const confirming = decisions.filter(({ action }) => action === 'confirm')
    expect(Math.max(...confirming.map(({ weight }) => weight))).toBeLessThanOrEqual(0.25)
  })

  test('is found on fixed steps too', () => {
    const { last, decisions } = runRollout(policyFrom({ steps: [5, 25, 50], stepSeconds: 60 }), 400, { newRate: 0.1 })
    expect(decisions[0]?.weight).toBe(0.05)
    expect(last.action).toBe('roll-back')
  })

  test('that fails on one route only is found by that route', () => {
    const routes = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`/r${i}`, 1]))
    const { state, last } = runRollout(policyFrom(), 1200, {
      requestsPerSecond: 200,
      newRate: 0.012,
      oldRate: 0.002,
      decorate: (sample) => ({
        ...sample,
        routes: Object.fromEntries(
          Object.keys(routes).map((route, i) => [
            route,
            // All failures of the new release sit on one route, those of the old are spread.
            {
              requests: sample.requests / 20,
              bad: sample.release === 'new' ? (i === 7 ? sample.bad : 0) : sample.bad / 20,
            },
          ]),
        ),
      }),
    })
    expect(last.action).toBe('roll-back')
    expect(Object.keys(state.routes.counts)).toHaveLength(20)
  })
})

describe('a release that is as good as the old one', () => {
  test('is promoted after the observation, by a weight that never falls', () => {
    const { state, decisions, last } = runRollout(policyFrom(), 302, { seed: 5 })
    expect(last).toMatchObject({ action: 'promote', weight: 1, conclusive: true })
    expect(decisions.findIndex(({ action }) => action === 'promote')).toBeLessThanOrEqual(310)
    for (const [i, decision] of decisions.entries()) {
      expect(decision.weight).toBeGreaterThanOrEqual(decisions[i - 1]?.weight ?? 0)
    }
    expect(explain(state).summary).toMatch(/^promoted after \d+ s: \d+ of [\d,]+ requests failed on the new release/)
  })

  test('is promoted as inconclusive when hardly any request came', () => {
    const policy = policyFrom({ maxWaitSeconds: 400 })
    const { state, last } = runRollout(policy, 402, { requestsPerSecond: 0 })
    expect(last).toMatchObject({ action: 'promote', conclusive: false })
    expect(explain(state)).toMatchObject({ conclusive: false, summary: expect.stringContaining('did not suffice') })
  })

  test('is not rolled back because both releases fail together', () => {
    for (const seed of [1, 2, 3]) {
      const decorate = (sample: ReturnType<typeof sampleOf>, second: number) =>
        second >= 100 && second < 130 ? { ...sample, bad: Math.round(sample.requests * 0.3) } : sample
      const { decisions } = runRollout(policyFrom(), 700, { seed, decorate })
      expect(actions(decisions)).not.toContain('roll-back')
      expect(actions(decisions)).toContain('promote')
    }
  })

  test('keeps its place while one bad instance among several is replaced', () => {
    const { decisions, last } = runRollout(policyFrom(), 500, {
      requestsPerSecond: 200,
      oldInstances: [...four('old'), ...four('more-old')],
      newInstances: [...four('new'), ...four('more-new')],
      newRate: (second, instance) => (instance === 'new-2' && second > 60 ? 0.5 : 0.001),
    })
    expect(last.action).toBe('promote')
    expect(decisions.flatMap(({ replace }) => replace)).toContain('new-2')
  })

  test('is not helped by workers in its fleet, which serve nobody', () => {
    const { decisions, last } = runRollout(policyFrom(), 900, {
      oldInstances: ['old-0'],
      newInstances: ['new-0'],
      newRate: 0.5,
      workers: ['worker-0', 'worker-1'],
    })
    expect(decisions.find(({ action }) => action === 'retreat')?.replace).toEqual(['new-0'])
    expect(last).toMatchObject({ action: 'roll-back', reasons: [{ test: 'confirm' }] })
  })

  test('is exonerated after its single bad instance was replaced', () => {
    const { decisions, last } = runRollout(policyFrom(), 900, {
      oldInstances: ['old-0'],
      newInstances: ['new-0'],
      newRate: (_, instance) => (instance === 'new-0' ? 0.5 : 0.001),
    })
    expect(decisions.find(({ action }) => action === 'retreat')?.replace).toEqual(['new-0'])
    expect(last.action).toBe('promote')
  })
})

describe('a few faithful visitors', () => {
  test('are reached although the first weights chose none of them', () => {
    let state = start(policyFrom(), makeHistory())
    let weight = 0
    // Nobody's number lies below 15 %: by request that would be impossible, by visitor it is bad luck.
    for (let second = 0; second < 60 && weight < 0.15; second++) {
      const from = BEGIN + second
      const old = { samples: [sampleOf(from, 'old', 'old-0', weight, 80, 0)], instances: four('old') }
      const input = { second: from + 1, old, new: { samples: [], instances: four('new') }, weight, probes: [] }
      const next = step(state, { ...input, capabilities: { ...capabilities, assignment: 'visitor' } })
      state = next.state
      weight = next.decision.weight
    }
    expect(weight).toBeGreaterThanOrEqual(0.15)
    expect(weight).toBeLessThanOrEqual(0.25)
  })
})

describe('the state', () => {
  test('goes on identically through JSON, so that a restarted control plane judges on the same evidence', () => {
    for (const newRate of [0.001, 0.02, 0.3]) {
      const kept = runRollout(policyFrom(), 320, { newRate })
      const restarted = runRollout(policyFrom(), 320, { newRate }, throughJson)
      expect(restarted.decisions).toEqual(kept.decisions)
      expect(throughJson(restarted.state)).toEqual(throughJson(kept.state))
    }
  })

  test('stays below 64 kB with 40 instances that all fail, and its timeline below 240 points', () => {
    const ids = (name: string) => Array.from({ length: 20 }, (_, i) => `r12345678-${name}-instance-${i}`)
    const { state } = runRollout(policyFrom({ onInconclusive: 'promote' }), 900, {
      requestsPerSecond: 400,
      oldRate: 0.2,
      newRate: 0.2,
      oldInstances: ids('web-old'),
      newInstances: ids('web-new'),
    })
    expect(JSON.stringify(state).length).toBeLessThan(64_000)
    expect(explain(state).timeline.length).toBeLessThanOrEqual(240)
  })

  test('books a failure that becomes known late at its second of arrival', () => {
    const policy = policyFrom()
    const delivered = (delay: number) => {
      let state = start(policy, makeHistory())
      for (let s = 0; s < 60; s++) {
        const samples = (release: 'old' | 'new') => {
          const now = four(release).map((id) => sampleOf(BEGIN + s, release, id, 0.2, release === 'new' ? 10 : 40, 0))
          const from = s - delay
          const late =
            from >= 0 && from % 5 === 0 && from < 40
              ? [sampleOf(BEGIN + from, release, `${release}-${(from / 5) % 4}`, 0.2, 0, 1)]
              : []
          return { samples: [...now, ...late], instances: four(release) }
        }
        const second = {
          second: BEGIN + s,
          weight: 0.2,
          old: samples('old'),
          new: samples('new'),
          probes: [],
          capabilities,
        }
        state = step(state, second).state
      }
      return state
    }
    const prompt = delivered(0)
    const late = delivered(8)
    for (const [j, sum] of prompt.robust.sums.entries()) expect(late.robust.sums[j]).toBeCloseTo(sum, 9)
    for (const [k, likelihood] of prompt.ratio.entries()) expect(late.ratio[k]).toBeCloseTo(likelihood, 9)
    expect(late.exposure).toEqual(prompt.exposure)
  })

  test('does not depend on the order in which instances report', () => {
    const policy = policyFrom()
    const feed = (reverse: boolean) => {
      let state = start(policy, makeHistory())
      for (let s = 0; s < 30; s++) {
        const samples = (release: string) => {
          const list = four(release).map((id, i) =>
            sampleOf(BEGIN + s, release, id, 0.2, 20, (s + i) % 7 === 0 ? 1 : 0),
          )
          return { samples: reverse ? list.reverse() : list, instances: four(release) }
        }
        const input = {
          second: BEGIN + s,
          weight: 0.2,
          old: samples('old'),
          new: samples('new'),
          probes: [],
          capabilities,
        }
        state = step(state, input).state
      }
      return state
    }
    expect(feed(true).robust.sums).toEqual(feed(false).robust.sums)
    expect(feed(true).fast.fortunes).toEqual(feed(false).fast.fortunes)
  })

  test('counts one failure per visitor where the edge knows them', () => {
    const { last, state } = runRollout(policyFrom(), 320, {
      newRate: (second) => (second % 20 === 0 ? 0.3 : 0.001),
      decorate: (sample) => ({ ...sample, distinctBad: 0 }),
    })
    expect(last.action).toBe('promote')
    expect(state.totals.new.bad).toBeGreaterThan(0)
    expect(state.totals.new.distinct).toBe(0)
  })
})

describe('an undecided second look', () => {
  /** The first instance fails, its replacement only sometimes: enough for doubt, too little for proof. */
  const doubtful = {
    requestsPerSecond: 4,
    oldInstances: ['old-0'],
    newInstances: ['new-0'],
    newRate: (_: number, instance: string) => (instance === 'new-0' ? 0.6 : 0.02),
    oldRate: 0.008,
  }
  const courses = (onInconclusive: 'ask' | 'promote' | 'roll-back') =>
    [1, 2, 3, 4, 5, 6, 7, 8].map((seed) => runRollout(policyFrom({ onInconclusive }), 900, { ...doubtful, seed }))

  test('asks a person, holds, and never pretends to be conclusive', () => {
    const asked = courses('ask').flatMap(({ decisions }) => decisions.filter(({ ask }) => ask === true))
    expect(asked.length).toBeGreaterThan(0)
    for (const decision of asked) expect(decision).toMatchObject({ action: 'hold', conclusive: false })
  })

  test('rolls back or goes on, inconclusively, when the policy says so', () => {
    const back = courses('roll-back').filter(({ last }) => last.action === 'roll-back' && last.conclusive === false)
    expect(back.length).toBeGreaterThan(0)
    const asks = courses('promote').flatMap(({ decisions }) => decisions.filter(({ ask }) => ask === true))
    expect(asks).toHaveLength(0)
  })
})

describe('replaying kept samples', () => {
  test('tells whether another policy would have decided otherwise', () => {
    const samples = [...makeHistory().samples]
    const { state } = runRollout(policyFrom(), 400, {
      newRate: 0.05,
      decorate: (sample, second) => {
        if (second >= 0) samples.push(sample)
        return sample
      },
    })
    const startedAt = new Date(BEGIN * 1000).toISOString()
    const record = { oldRelease: 'old', newRelease: 'new', startedAt, samples, capabilities }
    const same = replay(record, policyFrom())
    expect(same.verdict.action).toBe('roll-back')
    expect(same.verdict.counts).toEqual(explain(state).counts)
    const lenient = replay(record, policyFrom({ metrics: { errors: false } }))
    expect(lenient.verdict.action).not.toBe('roll-back')
    expect(same.decisions.at(-1)?.action).toBe('roll-back')
  })
})
