import type { JudgedSecond, JudgePolicy, JudgeState } from '../../judge/index.ts'
import { type Sample, samplesBySecond, weightsBySecond } from '../../model/sample.ts'
import type { EngineContext } from '../context.ts'
import type { DeploymentRun } from '../run.ts'
import { judgeCapabilities, judgedSecond } from './judge-input.ts'
import type { JudgedPhase } from './judged-phase.ts'
import type { KeptRow } from './kept.ts'
import { knownSamples } from './known-samples.ts'

const SECOND_MS = 1000

/** How far the old release's past teaches. */
const HISTORY_SECONDS = 30 * 60

export interface Begun extends KeptRow {
  /** What the judge learned the old release's past from. */
  readonly history: readonly Sample[]
  /** Seconds that were judged already, to catch up with what is in force. */
  readonly seconds: readonly JudgedSecond[]
}

type Context = Pick<EngineContext, 'clock' | 'judge'> & { readonly targets: Pick<EngineContext['targets'], 'of'> }

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
    /** When the release was seen to have all traffic; null: it was not. */
    readonly servingAt: Date | null
  },
): Promise<Begun> {
  const now = context.clock.now()
  const known = await knownSamples(context, run.environment)
  const samples = known?.samples ?? []
  const { split } = await context.targets.of(run.environment).traffic.usage()
  const served = split !== null && split.candidate === run.release.id ? split.weight : 0
  const isBake = options.phase === 'bake'
  const own = samples.filter(({ release }) => release === run.release.id)
  const watched = isBake
    ? own.filter((sample) => hadAll(sample, options.servingAt))
    : own.filter(({ weight }) => weight !== 0)
  const startedAt = served > 0 ? firstOf(watched, now) : now
  const history = historyOf(samples, run.base?.id ?? null, startedAt)
  const instances = [...new Set(history.flatMap((sample) => sample.instance ?? []))]
  // Who is served already cannot be probed for before: clean rounds are no condition any more.
  const { probes: _, ...withoutProbes } = options.policy
  const policy = served > 0 ? withoutProbes : options.policy
  const begun = context.judge.start(policy, { samples: history, instances })
  const seconds = served > 0 ? await secondsSince(context, run, { startedAt, samples, served }) : []
  const judge = served > 0 ? catchUp(context, run, { begun, seconds, served }) : begun
  const isInDoubt = judge.phase === 'withdrawn' || judge.phase === 'confirming'
  const weight = isInDoubt ? served : Math.max(served, options.weight)
  const elapsedMs = isBake ? watchedMs(watched) : 0
  const kept = { judge, step: options.step, weight, elapsedMs, askedAtMs: null }
  return { kept, cursor: known?.cursor ?? null, startedAt, history, seconds }
}

/** Samples of the old release alone, before the judgement. */
function historyOf(samples: readonly Sample[], release: string | null, before: Date): readonly Sample[] {
  const until = Math.floor(before.getTime() / 1000)
  return samples.filter(
    (sample) => sample.release === release && sample.from < until && sample.from >= until - HISTORY_SECONDS,
  )
}

/** Whether all users were on the release then. Routers that tell no weight do not know: it had been seen to serve all. */
function hadAll({ from, weight }: Sample, servingAt: Date | null): boolean {
  if (weight !== undefined) return weight >= 1
  return servingAt !== null && from * SECOND_MS >= servingAt.getTime()
}

function firstOf(samples: readonly Sample[], now: Date): Date {
  let first = now.getTime() / SECOND_MS
  for (const { from } of samples) first = Math.min(first, from)
  return new Date(first * SECOND_MS)
}

/**
 * How long that was, as far as samples show it: between two readings of the wall clock may lie an hour that somebody set it
 * by. A sample does not tell when in its second all traffic came: a bake never ends early.
 */
function watchedMs(samples: readonly Sample[]): number {
  const watched = new Set<number>()
  for (const { from, seconds } of samples) for (let offset = 0; offset < seconds; offset++) watched.add(from + offset)
  return Math.max(0, watched.size - 1) * SECOND_MS
}

/** What the judge was given before, as far as the router remembers it. */
async function secondsSince(
  context: Context,
  run: DeploymentRun,
  known: { readonly startedAt: Date; readonly samples: readonly Sample[]; readonly served: number },
): Promise<readonly JudgedSecond[]> {
  const { startedAt, samples, served } = known
  const target = context.targets.of(run.environment)
  const state = await target.fleets.inspect()
  const bySecond = samplesBySecond(samples, target.capabilities.sampleLagSeconds)
  const weights = weightsBySecond(samples, run.release.id)
  const newest = Math.max(...weights.keys())
  const first = Math.floor(startedAt.getTime() / 1000)
  const last = Math.max(first, ...bySecond.keys())
  const seconds: JudgedSecond[] = []
  let weight = 0
  for (let second = first; second <= last; second++) {
    // Of the newest seconds nothing is known yet where figures come late.
    weight = weights.get(second) ?? (second > newest ? served : weight)
    const samples = bySecond.get(second) ?? []
    seconds.push(judgedSecond(run, state, { at: new Date(second * 1000), weight, samples, probes: [] }))
  }
  return seconds
}

function catchUp(
  context: Context,
  run: DeploymentRun,
  known: { readonly begun: JudgeState; readonly seconds: readonly JudgedSecond[]; readonly served: number },
): JudgeState {
  const { begun, seconds, served } = known
  const capabilities = judgeCapabilities(context.targets.of(run.environment).capabilities)
  let judge = begun
  for (const second of seconds) judge = context.judge.step(judge, { ...second, capabilities }).state
  // The ramp never falls: it goes on from the weight in force, not from what it would have dared by now.
  return judge.phase === 'open' ? { ...judge, weight: Math.max(judge.weight, served) } : judge
}
