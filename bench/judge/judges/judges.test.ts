import { describe, expect, test } from 'vitest'
import { type Decision, type JudgeInput, policyFrom } from '../../../src/judge/index.ts'
import { isHigh } from './kayenta.ts'
import { type JudgeName, judgeNamed } from './registry.ts'

/** Decisions after each whole minute, given requests and failures per minute of the new release. */
function perMinute(name: JudgeName, minutes: readonly (readonly [requests: number, bad: number])[]): Decision[] {
  const judge = judgeNamed(name)
  let state = judge.start(policyFrom(), { samples: [], instances: [] })
  const decisions: Decision[] = []
  const sample = (release: string, requests: number, bad: number) => ({
    from: 0,
    seconds: 1,
    service: 'web',
    release,
    requests,
    bad,
    statusClasses: {},
  })
  const one = (requests: number, bad: number): JudgeInput => ({
    second: 0,
    weight: 0.05,
    old: { samples: [sample('old', 1000, 1)], instances: ['o'] },
    new: { samples: requests === 0 ? [] : [sample('new', requests, bad)], instances: ['n'] },
    probes: [],
    capabilities: { lowestWeight: 0, reactionSeconds: 0, perInstance: true },
  })
  state = judge.step(state, one(0, 0)).state
  for (const [requests, bad] of minutes) {
    for (let s = 0; s < 60; s++) {
      const answer = judge.step(state, s === 0 ? one(requests, bad) : one(0, 0))
      state = answer.state
      if (s === 59) decisions.push(answer.decision)
    }
  }
  return decisions
}

const bad = [100, 2] as const
const good = [100, 0] as const
const empty = [0, 0] as const
const actions = (decisions: readonly Decision[]) => decisions.map(({ action }) => action)

describe('the judges of the field act by their published rules', () => {
  test('an alarm needs two bad minutes of the last three', () => {
    expect(actions(perMinute('alarm', [bad, good, good, bad, empty, good]))).not.toContain('roll-back')
    expect(actions(perMinute('alarm', [bad, good, bad]))).toEqual(['ramp', 'ramp', 'roll-back'])
  })

  test('Argo aborts at the fourth failed measurement, or the fifth without data in a row', () => {
    expect(actions(perMinute('argo', [bad, good, bad, good, bad, good, good, bad]))).toEqual([
      ...Array.from({ length: 7 }, () => 'ramp'),
      'roll-back',
    ])
    expect(actions(perMinute('argo', [empty, empty, empty, empty, good, empty]))).not.toContain('roll-back')
    expect(actions(perMinute('argo', [empty, empty, empty, empty, empty])).at(-1)).toBe('roll-back')
  })

  test('Flagger never forgives a failed check, fails an empty minute, and holds the weight meanwhile', () => {
    const mixed = perMinute('flagger', [bad, good, empty, good, bad, good, good, good, bad, bad])
    expect(mixed.findIndex(({ action }) => action === 'roll-back')).toBe(9)
    // Five good checks are needed for the next weight: the sixth good one came after the fifth.
    expect(mixed[6]?.weight).toBe(0.05)
    expect(mixed[7]?.weight).toBe(0.25)
  })

  test('Kayenta says nothing before the fifth minute, and finds a constantly worse release then', () => {
    expect(actions(perMinute('kayenta', [bad, bad, bad, bad, bad]))).toEqual([
      'ramp',
      'ramp',
      'ramp',
      'ramp',
      'roll-back',
    ])
    expect(isHigh([0, 0, 0, 0, 0], [0, 0, 0, 0, 0])).toBe(false)
    expect(isHigh([0, 0.01, 0, 0, 0], [0, 0, 0, 0.01, 0])).toBe(false)
    expect(isHigh([0.02, 0.03, 0.02, 0.025, 0.03], [0.001, 0.002, 0.001, 0.0015, 0.001])).toBe(true)
  })
})
