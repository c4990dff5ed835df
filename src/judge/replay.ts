import type { Sample } from '../model/sample.ts'
import type { Decision, JudgeCapabilities, JudgePolicy, Verdict } from './judge.ts'
import { start } from './start.ts'
import { step } from './step.ts'
import { explain } from './verdict.ts'

/** What a judgement rested on, as it is kept with a deployment. */
export interface JudgementRecord {
  /** Null: a first deployment. */
  readonly oldRelease: string | null
  readonly newRelease: string
  /** ISO time at which the judgement began; earlier samples of the old release are its history. */
  readonly startedAt: string
  readonly samples: readonly Sample[]
  readonly capabilities?: Partial<JudgeCapabilities>
}

/** How the judgement would have gone. */
export interface Replay {
  readonly verdict: Verdict
  /** First second of each action that differs from the one before it. */
  readonly decisions: readonly {
    readonly second: number
    readonly action: Decision['action']
    readonly weight: number
  }[]
}

/** An instance without requests for this long is taken to be gone. */
const GONE_SECONDS = 60

/**
 * Judges the same samples again, offline, by another policy: would it have decided earlier, or wrongly? The traffic of the
 * record cannot be changed any more, so the weights are those that were really in force. Pure.
 */
export function replayJudgement(record: JudgementRecord, policy: JudgePolicy): Verdict {
  return replay(record, policy).verdict
}

/** As `replayJudgement`, with the course of decisions. */
export function replay(record: JudgementRecord, policy: JudgePolicy): Replay {
  const startedAt = Math.floor(Date.parse(record.startedAt) / 1000)
  const isOld = (sample: Sample) => sample.release === record.oldRelease
  const history = record.samples.filter((sample) => isOld(sample) && sample.from < startedAt)
  const bySecond = new Map<number, Sample[]>()
  let last = startedAt
  for (const sample of record.samples) {
    const second = Math.floor(sample.from)
    if (second < startedAt || (!isOld(sample) && sample.release !== record.newRelease)) continue
    const samples = bySecond.get(second)
    if (samples === undefined) bySecond.set(second, [sample])
    else samples.push(sample)
    if (second > last) last = second
  }
  const oldSeen = new Map<string, number>()
  const newSeen = new Map<string, number>()
  for (const sample of history) if (sample.instance !== undefined) oldSeen.set(sample.instance, startedAt)
  const capabilities = { lowestWeight: 0, reactionSeconds: 2, perInstance: true, ...record.capabilities }

  let state = start(policy, { samples: history, instances: [...oldSeen.keys()] })
  const decisions: { second: number; action: Decision['action']; weight: number }[] = []
  let weight = 0
  for (let second = startedAt; second <= last; second++) {
    const samples = bySecond.get(second) ?? []
    for (const sample of samples) {
      if (sample.weight !== undefined) weight = sample.weight
      if (sample.instance !== undefined) (isOld(sample) ? oldSeen : newSeen).set(sample.instance, second)
    }
    const answer = step(state, {
      second,
      weight,
      old: { samples: samples.filter(isOld), instances: live(oldSeen, second) },
      new: { samples: samples.filter((sample) => !isOld(sample)), instances: live(newSeen, second) },
      probes: [],
      capabilities,
    })
    state = answer.state
    const { action } = answer.decision
    if (decisions.at(-1)?.action !== action) {
      decisions.push({ second: second - startedAt, action, weight: answer.decision.weight })
    }
  }
  return { verdict: explain(state), decisions }
}

/** Ids with requests in the last minute; at 100 % the warm old fleet has none, then its last known ids. */
function live(seen: ReadonlyMap<string, number>, second: number): string[] {
  const recent = [...seen].filter(([, at]) => second - at <= GONE_SECONDS).map(([id]) => id)
  return recent.length > 0 ? recent : [...seen.keys()]
}
