import type { JudgePolicy, JudgeState } from '../../judge/index.ts'
import { type Sample, samplesBySecond } from '../../model/sample.ts'
import type { EngineContext } from '../context.ts'
import type { DeploymentRun } from '../run.ts'
import { judgeCapabilities, judgedSecond } from './judge-input.ts'
import type { JudgedPhase, KeptRow } from './kept.ts'
import { knownSamples } from './known-samples.ts'

/** How far the old release's past teaches. */
const HISTORY_SECONDS = 30 * 60

export interface Begun extends KeptRow {
  /** What the judge learned the old release's past from. */
  readonly history: readonly Sample[]
}

type Context = Pick<EngineContext, 'clock' | 'judge' | 'target'>

/**
 * A judgement without a kept row: new, or its row was lost. The router tells which: when the new release has traffic
 * already, the evidence is rebuilt from the samples, and the weight goes on from what is really in force.
 */
export async function begin(
  context: Context,
  run: DeploymentRun,
  options: {
    readonly phase: JudgedPhase
    readonly policy: JudgePolicy
    readonly step: string
    readonly weight: number
  },
): Promise<Begun> {
  const now = context.clock.now()
  const known = await knownSamples(context, run.environment)
  const samples = known?.samples ?? []
  const { split } = await context.target.inspect(run.environment)
  const served = split !== null && split.candidate === run.release.id ? split.weight : 0
  const isBake = options.phase === 'bake'
  const startedAt = served > 0 ? firstServed(samples, run.release.id, isBake ? 1 : Number.MIN_VALUE, now) : now
  const history = historyOf(samples, run.base?.id ?? null, startedAt)
  const instances = [...new Set(history.flatMap((sample) => sample.instance ?? []))]
  // Who is served already cannot be probed for before: clean rounds are no condition any more.
  const { probes: _, ...withoutProbes } = options.policy
  const policy = served > 0 ? withoutProbes : options.policy
  const begun = context.judge.start(policy, { samples: history, instances })
  const judge = served > 0 ? await catchUp(context, run, begun, { samples, startedAt, weight: served }) : begun
  const isInDoubt = judge.phase === 'withdrawn' || judge.phase === 'confirming'
  const weight = isInDoubt ? served : Math.max(served, options.weight)
  const elapsedMs = isBake ? now.getTime() - startedAt.getTime() : 0
  const kept = { judge, step: options.step, weight, elapsedMs, askedAtMs: null }
  return { kept, cursor: known?.cursor ?? null, startedAt, history }
}

/** Samples of the old release alone, before the judgement. */
export function historyOf(samples: readonly Sample[], release: string | null, before: Date): readonly Sample[] {
  const until = Math.floor(before.getTime() / 1000)
  return samples.filter(
    (sample) => sample.release === release && sample.from < until && sample.from >= until - HISTORY_SECONDS,
  )
}

/** The first second in which users got to the new release with this weight or more. */
function firstServed(samples: readonly Sample[], release: string, leastWeight: number, now: Date): Date {
  let first = now.getTime() / 1000
  for (const sample of samples) {
    if (sample.release === release && (sample.weight ?? 1) >= leastWeight) first = Math.min(first, sample.from)
  }
  return new Date(first * 1000)
}

/** Judges the seconds that were judged before, as far as the router remembers them. */
async function catchUp(
  context: Context,
  run: DeploymentRun,
  begun: JudgeState,
  past: { readonly samples: readonly Sample[]; readonly startedAt: Date; readonly weight: number },
): Promise<JudgeState> {
  const state = await context.target.inspect(run.environment)
  const capabilities = judgeCapabilities(context.target.capabilities)
  const bySecond = samplesBySecond(past.samples)
  const first = Math.floor(past.startedAt.getTime() / 1000)
  const last = Math.max(first, ...bySecond.keys())
  let judge = begun
  let weight = 0
  for (let second = first; second <= last; second++) {
    const samples = bySecond.get(second) ?? []
    weight = samples.find((sample) => sample.weight !== undefined)?.weight ?? weight
    const known = { at: new Date(second * 1000), weight, samples, probes: [] }
    judge = context.judge.step(judge, { ...judgedSecond(run, state, known), capabilities }).state
  }
  // The ramp never falls: it goes on from the weight in force, not from what it would have dared by now.
  return judge.phase === 'open' ? { ...judge, weight: Math.max(judge.weight, past.weight) } : judge
}
