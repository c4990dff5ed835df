import { type Sample, samplesBySecond, weightsBySecond } from '../model/sample.ts'
import type { Verdict } from '../model/verdict.ts'
import type { Decision, JudgeCapabilities, JudgeInput, JudgePolicy } from './judge.ts'
import { start } from './start.ts'
import { step } from './step.ts'
import { explain } from './verdict.ts'

/** What the judge was given in one second. */
export type JudgedSecond = Omit<JudgeInput, 'capabilities'>

/** What a judgement rested on, as it is kept with a deployment. */
export interface JudgementRecord {
  /** Null: a first deployment. */
  readonly oldRelease: string | null
  readonly newRelease: string
  /** ISO time at which the judgement began; earlier samples of the old release are its history. */
  readonly startedAt: string
  /** The history; without `seconds` also everything that came after it. */
  readonly samples: readonly Sample[]
  /** What the judge was given: as it became known, with probes and live instances. */
  readonly seconds?: readonly JudgedSecond[]
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
  /** Seconds of which nothing is kept: the control plane died before it had written them down. */
  readonly missingSeconds: number
}

/** An instance without requests for this long is taken to be gone. */
const GONE_SECONDS = 60
/** A judge is asked once a second; a longer silence is a gap in the record. */
const GAP_SECONDS = 10

/**
 * Judges the same samples again, offline, by another policy: would it have decided earlier, or wrongly? The traffic of the
 * record cannot be changed any more, so the weights are those that were really in force. By its own policy a kept judgement
 * comes to the same verdict. Pure.
 */
export function replayJudgement(record: JudgementRecord, policy: JudgePolicy): Verdict {
  return replay(record, policy).verdict
}

/** As `replayJudgement`, with the course of decisions. */
export function replay(record: JudgementRecord, policy: JudgePolicy): Replay {
  const startedAt = Math.floor(Date.parse(record.startedAt) / 1000)
  const history = record.samples.filter((sample) => sample.release === record.oldRelease && sample.from < startedAt)
  const instances = [...new Set(history.flatMap((sample) => sample.instance ?? []))]
  const capabilities = { lowestWeight: 0, reactionSeconds: 2, perInstance: true, ...record.capabilities }

  let state = start(policy, { samples: history, instances })
  const decisions: { second: number; action: Decision['action']; weight: number }[] = []
  let missingSeconds = 0
  let before = startedAt
  for (const second of record.seconds ?? secondsOf(record, startedAt, instances)) {
    const answer = step(state, { ...second, capabilities })
    state = answer.state
    const { action } = answer.decision
    if (decisions.at(-1)?.action !== action) {
      decisions.push({ second: second.second - startedAt, action, weight: answer.decision.weight })
    }
    if (second.second - before > GAP_SECONDS) missingSeconds += second.second - before - 1
    before = second.second
    // Live it ended here.
    if (action === 'roll-back') break
  }
  return { verdict: explain(state), decisions, missingSeconds }
}

/** Only samples were kept: what the judge was given is put together from their seconds of arrival. */
function* secondsOf(
  record: JudgementRecord,
  startedAt: number,
  oldInstances: readonly string[],
): Generator<JudgedSecond> {
  const isOld = (sample: Sample) => sample.release === record.oldRelease
  const judged = record.samples.filter((sample) => isOld(sample) || sample.release === record.newRelease)
  const bySecond = samplesBySecond(judged, record.capabilities?.sampleLagSeconds)
  const weights = weightsBySecond(judged, record.newRelease)
  const oldSeen = new Map(oldInstances.map((id) => [id, startedAt]))
  const newSeen = new Map<string, number>()
  const last = Math.max(startedAt, ...bySecond.keys())
  let weight = 0
  for (let second = startedAt; second <= last; second++) {
    const samples = bySecond.get(second) ?? []
    weight = weights.get(second) ?? weight
    for (const sample of samples) {
      if (sample.instance !== undefined) (isOld(sample) ? oldSeen : newSeen).set(sample.instance, second)
    }
    yield {
      second,
      weight,
      old: { samples: samples.filter(isOld), instances: live(oldSeen, second) },
      new: { samples: samples.filter((sample) => !isOld(sample)), instances: live(newSeen, second) },
      probes: [],
    }
  }
}

/** Ids with requests in the last minute; at 100 % the warm old fleet has none, then its last known ids. */
function live(seen: ReadonlyMap<string, number>, second: number): string[] {
  const recent = [...seen].filter(([, at]) => second - at <= GONE_SECONDS).map(([id]) => id)
  return recent.length > 0 ? recent : [...seen.keys()]
}
