import { describe, expect, test } from 'vitest'
import type { Sample } from '../model/sample.ts'
import { explain, type JudgeCapabilities, type JudgeInput, type JudgeState, policyFrom, start, step } from './index.ts'
import { spread } from './spread.ts'
import { BEGIN, four, makeHistory, runRollout, sampleOf, seeded } from './testing/traffic.ts'
import { noteWeight, type ToldWeights, weightOver } from './told-weights.ts'

const punctual: JudgeCapabilities = { lowestWeight: 0, reactionSeconds: 5, perInstance: true, assignment: 'request' }
const byTheMinute: JudgeCapabilities = { ...punctual, sampleSeconds: 60, sampleLagSeconds: 120 }
const tenLate: JudgeCapabilities = { ...punctual, sampleLagSeconds: 10 }

interface Given {
  readonly second: number
  readonly samples?: readonly Sample[]
  readonly weight?: number
  readonly capabilities: JudgeCapabilities
}

function input({ second, samples = [], weight = 0.2, capabilities }: Given): JudgeInput {
  const of = (release: string) => ({
    samples: samples.filter((sample) => sample.release === release),
    instances: four(release),
  })
  return { second: BEGIN + second, weight, old: of('old'), new: of('new'), probes: [], capabilities }
}

/** Without a weight, as a router gives it that does not know its own. */
function counts(
  from: number,
  release: string,
  requests: number,
  bad: number,
  seconds = 1,
  instance = `${release}-0`,
): Sample {
  const { weight: _, ...sample } = sampleOf(BEGIN + from, release, instance, 0, requests, bad, seconds)
  return sample
}

function judged(given: readonly Given[], state: JudgeState = start(policyFrom(), makeHistory())): JudgeState {
  let now = state
  for (const one of given) now = step(now, input(one)).state
  return now
}

describe('a weight that routers follow one after the other', () => {
  const slow: JudgeCapabilities = { ...tenLate, reactionSeconds: 60 }
  /** Told at 100 s, when every router follows it; the first half of them did earlier. Nobody judges in between. */
  const shareAt = (second: number, lateBy: number) => (second < 100 - lateBy ? 0.2 : second < 100 ? 0.5 : 0.8)
  const rollout = (lateBy: number) =>
    judged(
      Array.from({ length: 200 }, (_, second) => second)
        .filter((second) => second < 100 - lateBy || second >= 100)
        .map((second, index, all) => {
          const samples: Sample[] = []
          for (let known = (all[index - 1] ?? -1) - 9; known <= second - 10; known++) {
            const ofNew = Math.round(100 * shareAt(known, lateBy))
            if (known >= 0) samples.push(counts(known, 'new', ofNew, 0), counts(known, 'old', 100 - ofNew, 0))
          }
          return { second, samples, weight: second < 100 ? 0.2 : 0.8, capabilities: slow }
        }),
    )

  test('is not taken for one that is not what it is said to be', () => {
    expect(rollout(50).routing.mismatch).toBe(false)
  })

  test('is, when they go otherwise for longer than a router needs', () => {
    expect(rollout(95).routing.mismatch).toBe(true)
  })
})

describe('the watermark', () => {
  test('is the present second where every second is known at its end', () => {
    expect(judged([{ second: 0, capabilities: punctual }]).now).toBe(BEGIN)
    expect(judged([0, 1, 9].map((second) => ({ second, capabilities: punctual }))).now).toBe(BEGIN + 9)
  })

  test('lies back by the lag', () => {
    const given = Array.from({ length: 30 }, (_, second) => ({
      second,
      samples: second < 10 ? [] : [counts(second - 10, 'old', 80, 0)],
      capabilities: tenLate,
    }))
    expect(judged(given).now).toBe(BEGIN + 19)
  })

  test('moves to the end of a block when its lag is over, and not before', () => {
    const block = counts(0, 'old', 4800, 0, 60)
    const until = (last: number, arrives: number) =>
      judged(
        Array.from({ length: last + 1 }, (_, second) => ({
          second,
          samples: second === arrives ? [block] : [],
          capabilities: byTheMinute,
        })),
      ).now
    expect(until(178, 179)).toBe(BEGIN - 1)
    expect(until(179, 179)).toBe(BEGIN + 59)
    // One source may tell early; the others have their time.
    expect(until(100, 100)).toBe(BEGIN - 20)
    // Nothing new is known until the next block is due.
    expect(until(238, 179)).toBe(BEGIN + 59)
  })

  test('stands still when figures are overdue, so that nothing is taken for silence', () => {
    const block = counts(0, 'old', 4800, 0, 60)
    const given = Array.from({ length: 400 }, (_, second) => ({
      second,
      samples: second === 179 ? [block] : [],
      weight: 0.0001,
      capabilities: byTheMinute,
    }))
    const state = judged(given)
    expect(state.now).toBe(BEGIN + 59)
    expect(state.clock).toBe(60)
    expect(state.weight).toBeLessThan(0.001)
  })

  test('goes on after ten minutes of silence: a service may really be deserted', () => {
    const given = Array.from({ length: 1000 }, (_, second) => ({ second, capabilities: tenLate }))
    expect(judged(given).now).toBe(BEGIN + 999 - 10 - 600)
  })

  test('does not fall back when the clock does', () => {
    const state = judged([{ second: 100, samples: [counts(80, 'old', 80, 0)], capabilities: tenLate }])
    const before = state.now
    expect(judged([{ second: 50, capabilities: tenLate }], state).now).toBe(before)
  })
})

describe('the weight at arrival', () => {
  const told: ToldWeights = []
  for (const [second, weight] of [
    [10, 0.1],
    [11, 0.1],
    [20, 0.3],
    [40, 0],
    [40, 0.2],
  ] as const) {
    noteWeight(told, second, weight, 60)
  }

  test('is what was told for that second, or the mean of a block', () => {
    expect(told).toEqual([
      [10, 0.1],
      [20, 0.3],
      [40, 0.2],
    ])
    expect([5, 10, 19, 20, 39, 40, 99].map((second) => weightOver(told, second))).toEqual([
      0.1, 0.1, 0.1, 0.3, 0.3, 0.2, 0.2,
    ])
    expect(weightOver(told, 10, 40)).toBeCloseTo((10 * 0.1 + 20 * 0.3 + 10 * 0.2) / 40, 12)
  })

  test('is forgotten when no news of that time can come any more', () => {
    const short: ToldWeights = []
    for (let second = 0; second < 1000; second++) noteWeight(short, second, second / 1000, 50)
    expect(short.length).toBeLessThanOrEqual(51)
    expect(weightOver(short, 980)).toBe(0.98)
  })

  test('counts, not the weight of now: a failure that is told of after the withdrawal belongs to the time before', () => {
    const withWeight = (late: boolean) => {
      const given = Array.from({ length: 40 }, (_, second) => {
        const weight = second < 10 ? 0.2 : 0.4
        const from = second - (late ? 10 : 0)
        const samples =
          from < 0 || from >= 10 ? [] : [counts(from, 'old', 80, 0), counts(from, 'new', 20, from % 9 === 4 ? 1 : 0)]
        return { second, weight, samples, capabilities: late ? tenLate : punctual }
      })
      return judged(given).ratio
    }
    for (const [k, likelihood] of withWeight(false).entries()) expect(withWeight(true)[k]).toBeCloseTo(likelihood, 9)
  })
})

describe('a sample that covers several seconds', () => {
  test('is spread over all of them; the shares add up to one', () => {
    const random = seeded(4)
    for (let i = 0; i < 300; i++) {
      const [from, seconds] = [Math.floor(random() * 500), 1 + Math.floor(random() * 130)]
      const [origin, width] = [Math.floor(random() * 100), 1 + Math.floor(random() * 70)]
      let sum = 0
      let before: number | null = null
      spread(from, seconds, { origin, width }, (index, share) => {
        expect(share).toBeGreaterThan(0)
        expect(index).toBe(before === null ? Math.floor((from - origin) / width) : before + 1)
        before = index
        sum += share
      })
      expect(sum).toBeCloseTo(1, 12)
      expect(before).toBe(Math.floor((from + seconds - 1 - origin) / width))
    }
  })

  /** The same requests, by the second or in blocks, at constant rates; the blocks fit the cells. */
  function delivered(width: number, told: JudgeCapabilities): JudgeState {
    const given: Given[] = []
    for (let second = 0; second < 120; second++) {
      const end = second + 1
      const samples =
        end % width === 0
          ? [
              counts(end - width, 'old', 80 * width, 0.1 * width, width),
              counts(end - width, 'new', 20 * width, 0.02 * width, width),
            ]
          : []
      given.push({ second, samples, capabilities: told })
    }
    return judged(given)
  }

  test.each([2, 5, 10, 30, 60])('of %i s is the same evidence as its seconds when rates are constant', (width) => {
    const bySecond = delivered(1, punctual)
    const byBlock = delivered(width, punctual)
    const close = (a: readonly number[], b: readonly number[]) => {
      for (const [j, value] of a.entries()) expect(b[j]).toBeCloseTo(value, 8)
    }
    // A longer block meets stakes that were kept for later and put in while it lasted.
    if (width <= 30) close(bySecond.fast.fortunes, byBlock.fast.fortunes)
    close(bySecond.ratio, byBlock.ratio)
    close(bySecond.robust.sums, byBlock.robust.sums)
    close(bySecond.routing.fortunes, byBlock.routing.fortunes)
    close(bySecond.seconds.requestsOld, byBlock.seconds.requestsOld)
    expect(byBlock.exposure.requests).toBeCloseTo(bySecond.exposure.requests, 8)
    expect(byBlock.oldRecent.requests).toBeCloseTo(bySecond.oldRecent.requests, 8)
  })

  test('changes nothing when it comes in several parts', () => {
    const random = seeded(9)
    const whole: Given[] = []
    const parts: Given[] = []
    for (let second = 0; second < 600; second++) {
      const samples: Sample[] = []
      const split: Sample[] = []
      if (second >= 179 && (second + 1) % 60 === 0) {
        for (const release of ['old', 'new']) {
          for (const instance of four(release)) {
            const [requests, bad] = [200 + Math.floor(random() * 100), Math.floor(random() * 4)]
            const cut = Math.floor(requests / 3)
            const from = second - 179
            samples.push(counts(from, release, requests, bad, 60, instance))
            split.push(
              counts(from, release, cut, 0, 60, instance),
              counts(from, release, requests - cut, bad, 60, instance),
            )
          }
        }
      }
      whole.push({ second, samples, capabilities: byTheMinute })
      parts.push({ second, samples: split, capabilities: byTheMinute })
    }
    const [a, b] = [judged(whole), judged(parts)]
    expect(b.fast.fortunes).toEqual(a.fast.fortunes)
    expect(b.robust.sums).toEqual(a.robust.sums)
    expect(b.exposure).toEqual(a.exposure)
    expect(b.weight).toBe(a.weight)
    expect(explain(b).summary).toBe(explain(a).summary)
  })

  test('of another minute than the judge counts in leaves nothing out', () => {
    const given = Array.from({ length: 400 }, (_, second) => ({
      second,
      samples: second >= 209 && (second - 209) % 60 === 0 ? [counts(second - 179, 'old', 4800, 6, 60)] : [],
      capabilities: byTheMinute,
    }))
    const { seconds, totals } = judged(given)
    const sum = (column: readonly number[]) => column.reduce((a, b) => a + b, 0)
    expect(sum(seconds.requestsOld)).toBeCloseTo(totals.old.requests, 9)
    expect(sum(seconds.badOld)).toBeCloseTo(totals.old.bad, 9)
  })

  test('speaks in one cell of the robust test, however long it is: three blocks must agree', () => {
    const { robust } = delivered(60, { ...byTheMinute, sampleLagSeconds: 0 })
    expect(robust.cellSeconds).toBe(60)
    expect(robust.cells).toHaveLength(2)
  })

  test('before the rollout is history of all of its seconds', () => {
    const history = (width: number) => ({
      instances: four('old'),
      samples: Array.from({ length: 1800 / width }, (_, i) =>
        four('old').map((id) => counts(i * width - 1800, 'old', 25 * width, 0, width, id)),
      ).flat(),
    })
    for (const width of [1, 10, 60, 300])
      expect(start(policyFrom(), history(width)).learned.requestsPerSecond).toBe(100)
  })
})

describe('late figures', () => {
  test('make the first weight so small that what is not yet known risks three failures', () => {
    const weightOf = (capabilities: JudgeCapabilities) => judged([{ second: 0, weight: 0, capabilities }]).weight
    // 3 requests of 100/s, in 5 s and what is still unknown.
    expect(weightOf(tenLate)).toBeCloseTo(3 / (100 * 15), 5)
    expect(weightOf(byTheMinute)).toBeCloseTo(3 / (100 * 184), 6)
  })

  test('keep users away until it is known how many there are', () => {
    const seconds = Array.from({ length: 200 }, (_, second) => second)
    const weights = (samples: (second: number) => readonly Sample[]) => {
      let state = start(policyFrom(), { samples: [], instances: four('old') })
      return seconds.map((second) => {
        const answer = step(
          state,
          input({ second, weight: state.weight, samples: samples(second), capabilities: byTheMinute }),
        )
        state = answer.state
        return answer.decision.weight
      })
    }
    const busy = weights((second) => (second === 150 ? [counts(-29, 'old', 6000, 6, 60)] : []))
    expect(Math.max(...busy.slice(0, 150))).toBe(0)
    expect(busy.at(-1)).toBeCloseTo(3 / (100 * 184), 5)
    // Nobody comes: then half of nothing is no risk.
    expect(weights(() => []).at(-1)).toBe(0.5)
  })

  test('of the block in which the rollout began are no evidence, but tell of the traffic', () => {
    const block = [counts(-30, 'old', 6000, 300, 60), counts(-30, 'new', 100, 100, 60)]
    const state = judged(
      Array.from({ length: 160 }, (_, second) => ({
        second,
        samples: second === 149 ? block : [],
        weight: 0.0001,
        capabilities: byTheMinute,
      })),
    )
    expect(state.totals.new.requests).toBe(0)
    expect(state.exposure.requests).toBe(0)
    expect(state.now).toBe(BEGIN + 29)
    expect(state.weight).toBeLessThan(0.0002)
  })

  test.each([
    ['a minute', byTheMinute],
    ['ten seconds', tenLate],
    ['no', punctual],
  ])(
    'with a lag of %s raise no weight while nothing is reported, however long, and are not waited for for ever',
    (_, capabilities) => {
      let state = start(policyFrom(), makeHistory())
      const first = step(state, input({ second: 0, weight: 0, capabilities })).decision.weight
      let promoted: number | null = null
      for (let second = 0; second < 3000 && promoted === null; second++) {
        const { decision, ...answer } = step(state, input({ second, weight: state.weight, capabilities }))
        state = answer.state
        if (decision.action === 'promote') promoted = second
        else expect(decision.weight).toBeLessThan(1.25 * first)
      }
      expect(promoted).toBeGreaterThanOrEqual(1799)
      expect(explain(state)).toMatchObject({ action: 'promote', conclusive: false })
    },
  )

  test('have each fixed step watched for its whole time, from when its weight is in force', () => {
    let state = start(policyFrom({ steps: [5, 25, 50], stepSeconds: 60 }), makeHistory())
    const began = new Map<number, number>()
    const weights: number[] = []
    let weight = 0
    for (let second = 0; second < 600; second++) {
      const from = second - 10
      const share = weights[from] ?? 0
      const samples = from < 0 ? [] : [counts(from, 'old', 100 * (1 - share), 0), counts(from, 'new', 100 * share, 0)]
      weights.push(weight)
      const answer = step(state, input({ second, weight, samples, capabilities: tenLate }))
      state = answer.state
      weight = answer.decision.weight
      if (!began.has(weight)) began.set(weight, second)
    }
    const seconds = [...began.values()]
    expect([...began.keys()]).toEqual([0.05, 0.25, 0.5, 1])
    // 60 s at each, and 10 s until they are known.
    expect(seconds.slice(1).map((second, i) => second - (seconds[i] ?? 0))).toEqual([71, 70, 70])
  })

  test('keep the state small', () => {
    const random = seeded(3)
    const ids = (release: string) => Array.from({ length: 20 }, (_, i) => `${release}-${i}`)
    for (const capabilities of [byTheMinute, { ...punctual, sampleLagSeconds: 180 }]) {
      const { sampleSeconds: width = 1, sampleLagSeconds: lag = 0 } = capabilities
      const given = Array.from({ length: 900 }, (_, second) => {
        const from = second - lag - width + 1
        const samples =
          from >= 0 && (second + 1) % width === 0
            ? ['old', 'new'].flatMap((release) =>
                ids(release).map((id) => counts(from, release, 7 * width, 1, width, id)),
              )
            : []
        return { second, weight: random() / 10, samples, capabilities }
      })
      expect(JSON.stringify(judged(given)).length).toBeLessThan(64_000)
    }
  })
})

test('a judgement that version 0.1 began goes on with the same evidence', () => {
  /** What the former version did not keep. */
  const former = (state: JudgeState): JudgeState => {
    const copy = JSON.parse(JSON.stringify(state)) as Record<string, unknown>
    for (const key of ['wall', 'feed', 'reportedUntil', 'told', 'clockFrom', 'heldBack']) delete copy[key]
    copy['version'] = 1
    for (const [part, keys] of [
      ['seconds', ['width']],
      ['suspects', ['forgivenSeconds']],
      ['robust', ['kept']],
      ['latency', ['blockSeconds', 'kept']],
    ] as const) {
      const value = copy[part] as Record<string, unknown> | null
      for (const key of keys) if (value !== null) delete value[key]
    }
    const doubt = copy['doubt'] as { robust: Record<string, unknown> | null } | null
    if (doubt?.robust != null) delete doubt.robust['kept']
    return copy as unknown as JudgeState
  }
  for (const newRate of [0.001, 0.03, 0.5]) {
    const kept = runRollout(policyFrom(), 310, { newRate })
    const upgraded = runRollout(policyFrom(), 310, { newRate }, former)
    expect(upgraded.decisions).toEqual(kept.decisions)
    expect(explain(former(kept.state))).toEqual(explain(kept.state))
  }
})
