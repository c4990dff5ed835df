import type { Decision, FleetInput, JudgeInput, JudgePolicy, JudgeState, Verdict } from '../judge/index.ts'
import { SluiceError } from '../model/error.ts'
import type { Instance } from '../model/instance.ts'
import type { Sample } from '../model/sample.ts'
import { findJudgeState, putJudgeState } from '../store/judge-states.ts'
import type { Message } from '../store/messages.ts'
import type { EnvironmentState } from '../targets/target.ts'
import type { EngineContext } from './context.ts'
import { storeSamplesAsEvidence } from './dossier.ts'
import { launchDeadlineMs } from './phases/launch.ts'
import { setWeight } from './phases/shift.ts'
import { startProber } from './prober.ts'
import type { DeploymentRun } from './run.ts'

/** How long a person has to answer an undecided confirmation. */
const ANSWER_MS = 30 * 60_000
/** Ticks without a ready instance of the new release before it counts as dead. */
const DEAD_TICKS = 3
/** Longest pause between two ticks when no sample comes. */
const TICK_MS = 1000

export interface JudgementOptions {
  readonly phase: 'shift' | 'bake'
  readonly policy: JudgePolicy
  /** Ends the judgement after this time without a decision against the release; absent: the judge promotes. */
  readonly forSeconds?: number
  readonly initialWeight: number
}

/** What is kept of a judgement in one overwritten row, so that a restarted control plane goes on with the same evidence. */
interface Kept {
  readonly judge: JudgeState
  readonly weight: number
  readonly elapsedMs: number
  readonly askedAtMs: number | null
}

/**
 * Feeds the judge once a second and does what it decides, until it promotes (returns) or rolls back (throws
 * `ROLLED_BACK`). The judge does not act and the actor does not judge.
 */
export async function judgeUntilDecided(
  context: EngineContext,
  run: DeploymentRun,
  options: JudgementOptions,
): Promise<Verdict> {
  let answer: 'promote' | 'roll-back' | null = null
  const onAnswer = (message: Message) => {
    answer = message.data.answer === 'promote' ? 'promote' : 'roll-back'
  }
  const prober = startProber(context, run)
  try {
    return await context.mailbox.heed(
      run.deployment,
      (signal, ended) => follow(context, run, options, { signal, ended, prober, answer: () => answer }),
      onAnswer,
    )
  } finally {
    prober.stop()
    await storeSamplesAsEvidence(context, run, options)
  }
}

async function follow(
  context: EngineContext,
  run: DeploymentRun,
  options: JudgementOptions,
  inputs: {
    readonly signal: AbortSignal
    readonly ended: AbortSignal
    readonly prober: ReturnType<typeof startProber>
    readonly answer: () => 'promote' | 'roll-back' | null
  },
): Promise<Verdict> {
  const { signal, ended, prober } = inputs
  const stored = await findJudgeState(context.database, run.deployment, options.phase)
  const startedAt = stored?.startedAt ?? context.clock.now()
  let kept = (stored?.state as Kept | undefined) ?? (await begin(context, run, options, startedAt))
  let cursor = stored?.cursor ?? null
  let lastTickMs = context.clock.monotonicMs()
  let deadTicks = 0
  let shown = ''

  // A crash may lie between the decision and its effect: the weight in force is set again, not assumed.
  if (options.phase === 'shift' || stored !== undefined) await setWeight(context, run, kept.weight, null, signal)

  for await (const batch of ticks(context, run.environment, cursor, signal, ended)) {
    const now = context.clock.monotonicMs()
    cursor = batch.cursor ?? cursor
    kept = { ...kept, elapsedMs: kept.elapsedMs + (now - lastTickMs) }
    lastTickMs = now

    const state = await context.target.inspect(run.environment)
    const health = fleetHealth(state, run)
    deadTicks = health.isDead ? deadTicks + 1 : 0
    if (health.crashed !== null || deadTicks >= DEAD_TICKS) {
      throw instancesDied(run, health.crashed)
    }

    const { state: judge, decision } = context.judge.step(
      kept.judge,
      inputOf(context, run, batch.samples, state, kept, prober.take()),
    )
    const verdict = context.judge.explain(judge)
    kept = { ...kept, judge }
    if (decision.replace.length > 0) await replaceInstances(context, run, decision, signal)
    if (decision.action === 'roll-back') {
      await keep(context, run, options, kept, cursor, startedAt)
      await context.journal.set(run.deployment, { verdict: JSON.stringify(verdict) })
      throw rolledBack(verdict)
    }
    const weight = decision.action === 'promote' && options.policy.mode === 'ramp' ? 1 : decision.weight
    if (isWorthSetting(kept.weight, weight)) {
      await setWeight(context, run, weight, decision.reasons[0]?.text ?? null, signal)
      kept = { ...kept, weight }
    }
    kept = await heedQuestion(context, run, decision, kept, inputs.answer)
    await keep(context, run, options, kept, cursor, startedAt)
    shown = await show(context, run, decision, kept, verdict, shown)

    const isOver =
      options.forSeconds === undefined
        ? decision.action === 'promote'
        : kept.weight >= 1 && kept.elapsedMs >= options.forSeconds * 1000
    const isAnswered = inputs.answer() === 'promote' && decision.ask === true
    if (isOver || isAnswered || ended.aborted) {
      if (kept.weight < 1) await setWeight(context, run, 1, 'promoted', signal)
      await context.journal.set(run.deployment, { verdict: JSON.stringify(verdict), question: null })
      return verdict
    }
  }
  signal.throwIfAborted()
  const verdict = context.judge.explain(kept.judge)
  if (kept.weight < 1) await setWeight(context, run, 1, 'the bake was ended by a newer deployment', signal)
  await context.journal.set(run.deployment, { verdict: JSON.stringify(verdict), question: null })
  return verdict
}

/** The judge's weight follows the traffic and trembles with it; a shift for each tremor would help nobody. */
function isWorthSetting(current: number, wanted: number): boolean {
  if (current === wanted) return false
  return wanted === 0 || wanted === 1 || current === 0 || Math.abs(wanted - current) >= Math.max(0.0001, current * 0.1)
}

async function begin(
  context: EngineContext,
  run: DeploymentRun,
  options: JudgementOptions,
  startedAt: Date,
): Promise<Kept> {
  const history = await oldReleaseHistory(context, run, startedAt)
  return {
    judge: context.judge.start(options.policy, history),
    weight: options.initialWeight,
    elapsedMs: 0,
    askedAtMs: null,
  }
}

async function oldReleaseHistory(
  context: EngineContext,
  run: DeploymentRun,
  before: Date,
): Promise<{ samples: readonly Sample[]; instances: readonly string[] }> {
  if (run.base === null) return { samples: [], instances: [] }
  const abort = new AbortController()
  for await (const { samples } of context.target.samples(run.environment, { signal: abort.signal })) {
    abort.abort()
    const until = Math.floor(before.getTime() / 1000)
    const old = samples.filter(
      (sample) => sample.release === run.base?.id && sample.from < until && sample.from >= until - 30 * 60,
    )
    return { samples: old, instances: [...new Set(old.flatMap((sample) => sample.instance ?? []))] }
  }
  return { samples: [], instances: [] }
}

/** What became known, at most once a second, and at least once a second also when nothing did. */
async function* ticks(
  context: EngineContext,
  environment: string,
  cursor: string | null,
  signal: AbortSignal,
  ended: AbortSignal,
): AsyncGenerator<{ readonly samples: readonly Sample[]; readonly cursor: string | null }> {
  const stop = AbortSignal.any([signal, ended])
  const known: Sample[] = []
  let latest = cursor
  let wake = () => {}
  const reading = (async () => {
    for await (const batch of context.target.samples(environment, {
      signal: stop,
      ...(cursor === null ? {} : { after: cursor }),
    })) {
      known.push(...batch.samples)
      latest = batch.cursor
      if (batch.samples.length > 0) wake()
    }
  })()
  reading.catch(() => {}) // a lost edge shows as missing samples; its supervisor brings it back
  while (!stop.aborted) {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, TICK_MS)
      const finish = () => {
        clearTimeout(timer)
        resolve()
      }
      wake = finish
      stop.addEventListener('abort', finish, { once: true })
      if (stop.aborted) finish()
    })
    if (signal.aborted) return
    yield { samples: known.splice(0), cursor: latest }
  }
}

function inputOf(
  context: EngineContext,
  run: DeploymentRun,
  samples: readonly Sample[],
  state: EnvironmentState,
  kept: Kept,
  probes: JudgeInput['probes'],
): JudgeInput {
  const { capabilities } = context.target
  return {
    second: Math.floor(context.clock.now().getTime() / 1000),
    old: fleetInput(samples, state, run.base?.id ?? null),
    new: fleetInput(samples, state, run.release.id),
    weight: kept.weight,
    probes,
    capabilities: {
      lowestWeight: capabilities.weights === 'any' ? 0 : 0.05,
      // The router's own time, and up to a tick until its news are judged.
      reactionSeconds: capabilities.reactionSeconds + TICK_MS / 1000,
      perInstance: capabilities.perInstance,
    },
  }
}

function fleetInput(samples: readonly Sample[], state: EnvironmentState, release: string | null): FleetInput {
  return {
    samples: samples.filter((sample) => sample.release === release),
    instances: instancesOf(state, release)
      .filter((instance) => instance.state === 'ready')
      .map((instance) => instance.id),
  }
}

function instancesOf(state: EnvironmentState, release: string | null): readonly Instance[] {
  return state.fleets.find((fleet) => fleet.release === release)?.instances ?? []
}

function fleetHealth(
  state: EnvironmentState,
  run: DeploymentRun,
): { readonly isDead: boolean; readonly crashed: Instance | null } {
  const instances = instancesOf(state, run.release.id)
  const hasWeb = run.release.services.some((service) => service.kind === 'web')
  return {
    isDead: hasWeb && !instances.some((instance) => instance.state === 'ready'),
    crashed: instances.find((instance) => instance.state === 'crash-loop') ?? null,
  }
}

async function replaceInstances(
  context: EngineContext,
  run: DeploymentRun,
  decision: Decision,
  signal: AbortSignal,
): Promise<void> {
  const counts: Record<string, number> = {}
  const { fleets } = await context.target.inspect(run.environment)
  for (const instance of fleets.find((fleet) => fleet.release === run.release.id)?.instances ?? []) {
    counts[instance.service] = run.release.services.find((service) => service.name === instance.service)?.instances ?? 1
  }
  await context.target.scale(run.release, counts, {
    signal,
    deadlineMs: launchDeadlineMs(run),
    fence: run.lease.fence,
    replace: decision.replace,
  })
}

/** An undecided confirmation asks a person; without an answer by the deadline the policy decides. */
async function heedQuestion(
  context: EngineContext,
  run: DeploymentRun,
  decision: Decision,
  kept: Kept,
  answer: () => 'promote' | 'roll-back' | null,
): Promise<Kept> {
  if (decision.ask !== true) return kept
  if (answer() === 'roll-back') {
    throw new SluiceError('ROLLED_BACK', 'a person answered the open question with roll back')
  }
  if (kept.askedAtMs === null) {
    const deadline = new Date(context.clock.now().getTime() + ANSWER_MS).toISOString()
    await context.journal.set(run.deployment, {
      question: JSON.stringify({ text: decision.reasons[0]?.text ?? 'the confirmation stayed undecided', deadline }),
    })
    return { ...kept, askedAtMs: kept.elapsedMs }
  }
  if (kept.elapsedMs - kept.askedAtMs > ANSWER_MS) {
    throw new SluiceError('ROLLED_BACK', `nobody answered the open question within ${ANSWER_MS / 60_000} minutes`)
  }
  return kept
}

async function keep(
  context: EngineContext,
  run: DeploymentRun,
  options: JudgementOptions,
  kept: Kept,
  cursor: string | null,
  startedAt: Date,
): Promise<void> {
  await putJudgeState(context.database, run.deployment, options.phase, { state: kept, cursor, startedAt })
}

/** Tells when something changed for a reader, not each second. */
async function show(
  context: EngineContext,
  run: DeploymentRun,
  decision: Decision,
  kept: Kept,
  verdict: Verdict,
  shown: string,
): Promise<string> {
  const key = `${decision.action} ${Math.round(kept.weight * 50)} ${Math.floor(kept.elapsedMs / 10_000)}`
  if (key === shown) return shown
  await context.journal.tell(run.deployment, 'deployment.judge', {
    action: decision.action,
    weight: kept.weight,
    reason: decision.reasons[0]?.text ?? null,
    counts: verdict.counts,
    elapsedSeconds: Math.round(kept.elapsedMs / 1000),
    ask: decision.ask ?? false,
  })
  return key
}

function rolledBack(verdict: Verdict): SluiceError {
  return new SluiceError('ROLLED_BACK', verdict.summary, {
    hint: 'the release is on hold; mend it and deploy again. `sluice judge replay` judges the same samples by another policy',
    details: { counts: verdict.counts },
  })
}

function instancesDied(run: DeploymentRun, crashed: Instance | null): SluiceError {
  return crashed === null
    ? new SluiceError('INSTANCE_CRASHED', `no instance of ${run.release.id} is ready any more`, {
        hint: 'read its log with `sluice logs`',
      })
    : new SluiceError(
        'INSTANCE_CRASHED',
        `${crashed.id} crashed again and again (exit code ${crashed.exit?.code ?? 'unknown'})`,
        {
          hint: 'read its log with `sluice logs`',
          details: { instance: crashed.id, exitCode: crashed.exit?.code ?? null },
        },
      )
}
