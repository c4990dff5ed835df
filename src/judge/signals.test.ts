import { describe, expect, test } from 'vitest'
import { type Decision, explain, policyFrom, start, step } from './index.ts'
import { BEGIN, capabilities, four, makeHistory, runRollout, sampleOf } from './testing/traffic.ts'

describe('other signals', () => {
  const slower = (factor: number) => (sample: ReturnType<typeof sampleOf>) => {
    const shift = sample.release === 'new' ? Math.round(Math.log2(factor) * 8) : 0
    const shape = [2, 5, 8, 10, 8, 6, 4, 3, 2, 1, 1]
    const total = shape.reduce((a, b) => a + b, 0)
    const latency: Record<number, number> = {}
    // Deterministic shares, the rest into the middle bucket.
    let left = sample.requests
    for (const [i, part] of shape.entries()) {
      const count = Math.floor((sample.requests * part) / total)
      latency[48 + i + shift] = count
      left -= count
    }
    latency[51 + shift] = (latency[51 + shift] ?? 0) + left
    return { ...sample, latency }
  }

  test('a release that is half as slow again is rolled back for its latency', () => {
    const { last, state } = runRollout(policyFrom(), 300, { requestsPerSecond: 200, decorate: slower(1.5) })
    expect(last).toMatchObject({ action: 'roll-back', reasons: [{ test: 'latency' }] })
    expect(explain(state).summary).toContain('slower')
  })

  test('a slow-down within the tolerance, or one that was opted out of, is not held against it', () => {
    const within = runRollout(policyFrom(), 302, { requestsPerSecond: 200, decorate: slower(1.09) })
    expect(within.last.action).toBe('promote')
    const policy = policyFrom({ metrics: { latency: false } })
    expect(runRollout(policy, 302, { requestsPerSecond: 200, decorate: slower(3) }).last.action).toBe('promote')
  })

  test('a release that hangs gets no more traffic, and is rolled back before its time-outs come', () => {
    const answering = (sample: ReturnType<typeof sampleOf>) =>
      sample.release === 'new' ? sample : { ...slower(1)(sample), statusClasses: { '2xx': sample.requests } }
    const { decisions, last, state } = runRollout(policyFrom(), 120, { decorate: answering })
    expect(last).toMatchObject({ action: 'roll-back', reasons: [{ test: 'latency' }] })
    expect(Math.max(...decisions.map(({ weight }) => weight))).toBeCloseTo(decisions[0]?.weight ?? 0, 6)
    expect(state.totals.new.requests).toBeLessThan(200)
  })

  test('answers that come a few seconds late are not taken for hanging', () => {
    const waiting: ReturnType<typeof sampleOf>[] = []
    const answering = (sample: ReturnType<typeof sampleOf>, second: number) => {
      if (second < 0) return { ...slower(1)(sample), statusClasses: { '2xx': sample.requests } }
      waiting.push({ ...slower(1)(sample), requests: 0, bad: 0, statusClasses: { '2xx': sample.requests } })
      return sample
    }
    const late = (release: string, second: number) =>
      waiting.filter((sample) => sample.release === release && sample.from === BEGIN + second - 2)
    const { last } = runRollout(policyFrom(), 302, {
      decorate: answering,
      late: (release, second) => late(release, second),
    })
    expect(last.action).toBe('promote')
  })

  test('lost conversions roll back, kept ones do not', () => {
    const selling = (newShare: number) => (second: number, weight: number) => ({
      conversions: [
        { from: BEGIN + second, release: 'old' as const, weight, count: Math.round(10 * (1 - weight)) },
        { from: BEGIN + second, release: 'new' as const, weight, count: Math.round(10 * weight * newShare) },
      ],
    })
    const steps = { steps: [50], stepSeconds: 300 }
    expect(runRollout(policyFrom(steps), 290, { more: selling(0.4) }).last).toMatchObject({
      action: 'roll-back',
      reasons: [{ test: 'business' }],
    })
    expect(runRollout(policyFrom(steps), 290, { more: selling(1) }).last.action).toBe('ramp')
  })

  test('worse Core Web Vitals roll back, equal ones do not', () => {
    const vitals = (poor: number) => (second: number) => ({
      webVitals: (['old', 'new'] as const).map((release) => {
        const slow = release === 'new' ? poor : 2
        return {
          from: BEGIN + second,
          release,
          metric: 'lcp' as const,
          good: 20 - slow,
          needsImprovement: 0,
          poor: slow,
        }
      }),
    })
    const steps = { steps: [50], stepSeconds: 300 }
    expect(runRollout(policyFrom(steps), 290, { more: vitals(8) }).last).toMatchObject({
      action: 'roll-back',
      reasons: [{ test: 'web-vitals' }],
    })
    expect(runRollout(policyFrom(steps), 290, { more: vitals(2) }).last.action).toBe('ramp')
  })

  test('probes keep users away until they are clean, and roll a dead route back before anybody came', () => {
    const probing = (ok: boolean) => (second: number) => ({
      probes:
        second % 10 === 0
          ? [
              { release: 'new' as const, route: '/health', ok: true },
              { release: 'new' as const, route: '/login', ok },
            ]
          : [],
    })
    const policy = policyFrom({ probes: { routes: ['/health', '/login'], rounds: 2 } })
    const clean = runRollout(policy, 60, { more: probing(true) })
    expect(clean.decisions[5]).toMatchObject({ action: 'hold', weight: 0 })
    expect(clean.last.weight).toBeGreaterThan(0)
    const dead = runRollout(policy, 120, { more: probing(false) })
    expect(dead.last.action).toBe('roll-back')
    expect(dead.state.totals.new.requests).toBe(0)
  })

  test('a route that fails its probes now and then adds up, a single failed probe is forgiven', () => {
    const sometimes = (fails: (round: number) => boolean) => (second: number) => ({
      probes:
        second % 10 === 0
          ? ['/a', '/b'].map((route) => ({ release: 'new' as const, route, ok: route === '/a' || !fails(second / 10) }))
          : [],
    })
    const policy = policyFrom({ onInconclusive: 'roll-back' })
    const often = runRollout(policy, 900, { more: sometimes((round) => round % 4 === 3) })
    expect(often.last).toMatchObject({ action: 'roll-back' })
    const once = runRollout(policy, 900, { more: sometimes((round) => round === 5) })
    expect(once.last.action).toBe('promote')
  })

  test('traffic that is not split as stated holds the rollout and asks', () => {
    const history = makeHistory()
    let state = start(policyFrom(), history)
    let decision: Decision | null = null
    for (let s = 0; s < 120; s++) {
      const answer = step(state, {
        second: BEGIN + s,
        weight: 0.25,
        old: { samples: four('old').map((id) => sampleOf(BEGIN + s, 'old', id, 0.25, 23, 0)), instances: four('old') },
        new: { samples: four('new').map((id) => sampleOf(BEGIN + s, 'new', id, 0.25, 2, 0)), instances: four('new') },
        probes: [],
        capabilities,
      })
      state = answer.state
      decision = answer.decision
      if (decision.ask === true) break
    }
    expect(decision).toMatchObject({ action: 'hold', ask: true, reasons: [{ test: 'routing' }] })
  })
})
