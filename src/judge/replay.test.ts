import { expect, test } from 'vitest'
import { explain, type JudgedSecond, type JudgementRecord, policyFrom, replay, start, step } from './index.ts'
import { BEGIN, capabilities, four, makeHistory, sampleOf } from './testing/traffic.ts'

const policy = policyFrom({ probes: { routes: ['web /health'], rounds: 2 } })
const [old, fresh] = [four('old'), four('new')]

/** Sixty seconds at 20 %, of which half the requests to the new release fail; clean probes come before. */
function seconds(): JudgedSecond[] {
  return Array.from({ length: 60 }, (_, at) => {
    const weight = at < 2 ? 0 : 0.2
    return {
      second: BEGIN + at,
      weight,
      // A failure becomes known two seconds after its request.
      old: { instances: old, samples: old.map((id) => sampleOf(BEGIN + at, 'old', id, weight, 20, 0)) },
      new: {
        instances: fresh,
        samples:
          weight === 0
            ? []
            : fresh.flatMap((id) => [
                sampleOf(BEGIN + at, 'new', id, weight, 4, 0),
                ...(at < 4 ? [] : [sampleOf(BEGIN + at - 2, 'new', id, weight, 0, 2)]),
              ]),
      },
      probes: at < 2 ? [{ release: 'new', route: 'web /health', ok: true }] : [],
    }
  })
}

function record(given: Partial<JudgementRecord> = {}): JudgementRecord {
  const startedAt = new Date(BEGIN * 1000).toISOString()
  const { samples } = makeHistory()
  return { oldRelease: 'old', newRelease: 'new', startedAt, samples, seconds: seconds(), capabilities, ...given }
}

/** As the engine does it: second by second, until it is rolled back. */
function live() {
  let state = start(policy, makeHistory())
  for (const second of seconds()) {
    const answer = step(state, { ...second, capabilities })
    state = answer.state
    if (answer.decision.action === 'roll-back') break
  }
  return explain(state)
}

test('a kept judgement comes to the same verdict: seconds, samples, probes and instances are those of then', () => {
  const { verdict, missingSeconds } = replay(record(), policy)
  expect(verdict).toEqual(live())
  expect(verdict.action).toBe('roll-back')
  expect(missingSeconds).toBe(0)
})

test('by another policy it may come to another', () => {
  const lenient = policyFrom({ metrics: { errors: false } })
  expect(replay(record(), lenient).verdict.action).not.toBe('roll-back')
})

test('seconds that were not kept are counted', () => {
  const kept = seconds().filter(({ second }) => second < BEGIN + 10 || second >= BEGIN + 40)
  expect(replay(record({ seconds: kept }), policy).missingSeconds).toBe(30)
})

test('a record of samples alone is judged by their seconds of arrival, without probes', () => {
  const { samples, seconds: _, ...rest } = record()
  const all = seconds().flatMap((second) => [...second.old.samples, ...second.new.samples])
  const { verdict } = replay({ ...rest, samples: [...samples, ...all] }, policyFrom())
  expect(verdict.action).toBe('roll-back')
  expect(verdict.counts.new.bad).toBeGreaterThan(0)
})
