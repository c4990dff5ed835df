import type { Decision, JudgePolicy, Verdict } from '../judge/index.ts'
import { isSluiceError } from '../model/error.ts'
import { settableWeight } from '../model/traffic-split.ts'
import { jsonb } from '../store/jsonb.ts'
import type { FleetsState, Target } from '../targets/target.ts'
import type { EngineContext } from './context.ts'
import type { DossierHead } from './dossier.ts'
import { begin } from './judgement/begin.ts'
import { FleetHealth } from './judgement/fleet-health.ts'
import { judgeCapabilities, judgedSecond, lateMs } from './judgement/judge-input.ts'
import type { JudgedPhase } from './judgement/judged-phase.ts'
import { JudgedTime } from './judgement/judged-time.ts'
import { findKept, type KeptRow, keep } from './judgement/kept.ts'
import { PromotionMessages, promotedVerdict, stillUnknown } from './judgement/promotion.ts'
import { Question } from './judgement/question.ts'
import { Recorder } from './judgement/recorder.ts'
import { replaceInstances } from './judgement/replace-instances.ts'
import { afterRamp, isSuspicious, show, takenBack } from './judgement/telling.ts'
import { type Tick, Ticks } from './judgement/ticks.ts'
import { type Patience, patienceWith } from './patience.ts'
import { type Prober, startProber } from './prober.ts'
import type { DeploymentRun } from './run.ts'
import { restoreBase } from './steps/base-fleet.ts'
import { setWeight } from './steps/shift.ts'

export interface JudgementOptions {
  readonly phase: JudgedPhase
  readonly policy: JudgePolicy
  /** Step of the plan; each has its own weight and time, all of one phase share the evidence. */
  readonly step: string
  /** Set when the step begins; null: the weight in force. */
  readonly weight: number | null
  /**
   * Ends the step after this time at its weight without suspicion; 0: one look at what is known, unless it raises a
   * doubt, which is followed until it is decided. Absent: the judge promotes.
   */
  readonly forSeconds?: number
}

/**
 * Feeds the judge and does what it decides, until it promotes or the time is over (returns) or it rolls back (throws
 * `ROLLED_BACK`, or `INSTANCE_UNHEALTHY` when no user had got there). The judge does not act and the actor does not judge.
 */
export async function judgeUntilDecided(
  context: EngineContext,
  run: DeploymentRun,
  options: JudgementOptions,
): Promise<Verdict> {
  const question = new Question(context, run)
  const promotion = new PromotionMessages(options.phase)
  const recorder = new Recorder(context, run.deployment, options.phase)
  try {
    return await context.mailbox.heed(
      run.deployment,
      async (signal, { ended }) => {
        const judgement = await Judgement.open(context, run, options, { question, promotion, recorder, signal })
        return judgement.follow(ended)
      },
      (message) => (message.kind === 'promote' ? promotion.onMessage(message) : question.onAnswer(message)),
    )
  } finally {
    await recorder.close()
  }
}

interface Helpers {
  readonly question: Question
  readonly promotion: PromotionMessages
  readonly recorder: Recorder
  readonly signal: AbortSignal
}

class Judgement {
  readonly #context: EngineContext
  readonly #run: DeploymentRun
  readonly #options: JudgementOptions
  readonly #helpers: Helpers
  readonly #target: Target
  readonly #patience: Patience
  readonly #health: FleetHealth
  readonly #goal: number
  readonly #time: JudgedTime
  #row: KeptRow
  #lastTickMs: number
  #seen: FleetsState | null = null
  #shown = ''

  private constructor(
    context: EngineContext,
    run: DeploymentRun,
    options: JudgementOptions,
    helpers: Helpers,
    row: KeptRow,
  ) {
    this.#context = context
    this.#run = run
    this.#options = options
    this.#helpers = helpers
    this.#target = context.targets.of(run.environment)
    this.#patience = patienceWith(this.#target.capabilities)
    this.#health = new FleetHealth(run, this.#patience.deadMs)
    this.#row = row
    this.#goal = options.weight ?? row.kept.weight
    this.#lastTickMs = context.clock.monotonicMs()
    const { sampleLagSeconds } = this.#target.capabilities
    this.#time = new JudgedTime(context.clock, row.kept.clockOffsetSeconds ?? 0, sampleLagSeconds)
  }

  /** Goes on where a judgement of this phase was, or begins one; the weight in force is set again, not assumed. */
  static async open(
    context: EngineContext,
    run: DeploymentRun,
    options: JudgementOptions,
    helpers: Helpers,
  ): Promise<Judgement> {
    const { phase, step } = options
    const stored = await findKept(context, run, phase)
    let row = stored ?? (await beginRecorded(context, run, options, helpers.recorder))
    const isNewStep = row.kept.step !== undefined && row.kept.step !== step
    if (isNewStep) {
      const weight = options.weight ?? row.kept.weight
      row = { ...row, kept: { ...row.kept, step, weight, elapsedMs: 0, askedAtMs: null } }
    }
    const judgement = new Judgement(context, run, options, helpers, row)
    // A crash may lie between a decision and its effect. A bake begins at the weight that the shift ended with.
    const isInForce = isNewStep ? options.weight === null : stored === undefined && phase === 'bake'
    if (!isInForce) await setWeight(context, run, row.kept.weight, null, helpers.signal)
    return judgement
  }

  async follow(ended: AbortSignal): Promise<Verdict> {
    const { signal } = this.#helpers
    const { environment } = this.#run
    const { tickMs } = this.#patience
    const ticks = new Ticks(this.#context, { environment, cursor: this.#row.cursor, signal, ended, tickMs })
    let prober: Prober | null = null
    try {
      for await (const tick of ticks) {
        const verdict = await this.#take(tick, prober, ended)
        if (verdict !== null) return verdict
        prober ??= startProber(this.#context, this.#run, {
          firstRounds: this.#options.policy.probes?.rounds ?? 0,
          onResults: () => ticks.wake(),
        })
      }
    } finally {
      ticks.close()
      prober?.stop()
    }
    signal.throwIfAborted()
    return this.#end(this.#context.judge.explain(this.#row.kept.judge), 'the bake was ended by a newer deployment')
  }

  /** One tick: look, judge, act, keep, tell. Answers with the verdict when the judgement is over. */
  async #take(tick: Tick, prober: Prober | null, ended: AbortSignal): Promise<Verdict | null> {
    const context = this.#context
    const { question, promotion, recorder, signal } = this.#helpers
    this.#passTime(tick.cursor)
    const state = await this.#look()

    const second = judgedSecond(this.#run, state, {
      at: this.#time.now(),
      weight: this.#row.kept.weight,
      samples: tick.samples.map((sample) => this.#time.place(sample)),
      probes: prober?.take() ?? [],
    })
    recorder.add(second)
    const capabilities = judgeCapabilities(this.#target.capabilities)
    const { state: judge, decision } = context.judge.step(this.#row.kept.judge, { ...second, capabilities })
    const verdict = context.judge.explain(judge)
    this.#change({ judge, clockOffsetSeconds: this.#time.offsetSeconds })

    if (decision.replace.length > 0) await replaceInstances(context, this.#run, decision.replace, signal)
    if (decision.action === 'roll-back') {
      await this.#keep()
      await context.journal.set(this.#run.deployment, { verdict: jsonb(verdict) })
      throw await takenBack(context, this.#run, verdict)
    }
    const { by } = promotion
    if (by !== null && decision.action !== 'promote') return this.#endBy(by, verdict)
    await this.#setAsked(decision)
    this.#row = { ...this.#row, kept: await question.heed(decision, this.#row.kept) }
    await this.#keep()
    if (this.#isOver(decision) || question.isPromoted(decision) || ended.aborted) return this.#end(verdict, 'promoted')
    this.#shown = await show(context, this.#run, { decision, kept: this.#row.kept, verdict, shown: this.#shown })
    return null
  }

  /** A place that cannot be looked at now is no sick release: until it answers again, its samples tell. */
  async #look(): Promise<FleetsState> {
    const { clock, log } = this.#context
    for (;;) {
      try {
        this.#seen = await this.#target.fleets.inspect()
        this.#health.assertAlive(this.#seen, clock.monotonicMs())
        return this.#seen
      } catch (error) {
        if (!isSluiceError(error) || error.code !== 'DEADLINE_EXCEEDED') throw error
        log.warn(`${this.#run.environment} is judged by what was seen before: ${error.message}`)
        if (this.#seen !== null) return this.#seen
        await clock.sleep(this.#patience.tickMs, this.#helpers.signal)
      }
    }
  }

  #passTime(cursor: string | null): void {
    const now = this.#context.clock.monotonicMs()
    this.#change({ elapsedMs: this.#row.kept.elapsedMs + (now - this.#lastTickMs) })
    this.#row = { ...this.#row, cursor: cursor ?? this.#row.cursor }
    this.#lastTickMs = now
  }

  /** Sets the weight that the judge asks for. */
  async #setAsked(decision: Decision): Promise<void> {
    const { policy } = this.#options
    const asked = decision.action === 'promote' && policy.mode === 'ramp' ? 1 : decision.weight
    const { weights } = this.#target.capabilities
    // Where only all and nothing can be set, what is in force stays until it is taken back as a whole.
    const wanted = weights === 'none' ? this.#row.kept.weight : settableWeight(weights, asked)
    if (!this.#isWorthSetting(wanted)) return
    if (wanted < this.#row.kept.weight) await restoreBase(this.#context, this.#run, this.#helpers.signal)
    await setWeight(this.#context, this.#run, wanted, decision.reasons[0]?.text ?? null, this.#helpers.signal)
    this.#change({ weight: wanted })
  }

  /** The judge's weight follows the traffic and trembles with it; a shift for each tremor would help nobody. */
  #isWorthSetting(wanted: number): boolean {
    const { weight } = this.#row.kept
    if (weight === wanted) return false
    const isMark = wanted === 0 || wanted === 1 || wanted === this.#goal || weight === 0
    return isMark || Math.abs(wanted - weight) >= Math.max(0.0001, weight * 0.1)
  }

  #isOver(decision: Decision): boolean {
    const { forSeconds } = this.#options
    if (forSeconds === undefined) return decision.action === 'promote'
    const { weight, elapsedMs } = this.#row.kept
    // A time of watching is over when all of it is known.
    const wantedMs = forSeconds === 0 ? 0 : forSeconds * 1000 + lateMs(this.#target.capabilities)
    return !isSuspicious(decision) && weight >= this.#goal && elapsedMs >= wantedMs
  }

  /** No doubt is left, or somebody overruled it: the weight of the step is in force when it ends. */
  async #end(verdict: Verdict, why: string): Promise<Verdict> {
    const goal = this.#options.forSeconds === undefined ? 1 : this.#goal
    if (this.#row.kept.weight < goal) {
      await setWeight(this.#context, this.#run, goal, why, this.#helpers.signal)
      this.#change({ weight: goal })
      await this.#keep()
    }
    const whole = this.#options.phase === 'bake' ? await afterRamp(this.#context, this.#run, verdict) : verdict
    await this.#context.journal.set(this.#run.deployment, { verdict: jsonb(whole), question: null })
    return verdict
  }

  /** A person does not want to wait any longer. What nobody knows by now is a part of the verdict. */
  async #endBy(by: string, verdict: Verdict): Promise<Verdict> {
    const { phase, forSeconds } = this.#options
    const elapsed = this.#row.kept.elapsedMs / 1000
    const left = phase === 'bake' && forSeconds !== undefined ? forSeconds - elapsed : null
    const promotion = { by, afterSeconds: Math.round(elapsed), unknown: stillUnknown(verdict, left) }
    this.#change({ promotion })
    await this.#keep()
    return this.#end(promotedVerdict(verdict, phase, promotion), `promoted by ${by}`)
  }

  #change(change: Partial<KeptRow['kept']>): void {
    this.#row = { ...this.#row, kept: { ...this.#row.kept, ...change } }
  }

  #keep(): Promise<void> {
    return keep(this.#context, this.#run, this.#options.phase, this.#row)
  }
}

async function beginRecorded(
  context: EngineContext,
  run: DeploymentRun,
  options: JudgementOptions,
  recorder: Recorder,
): Promise<KeptRow> {
  const { phase, policy, step } = options
  const { serving_at: servingAt } = await context.journal.load(run.deployment)
  const from = { phase, policy, step, weight: options.weight ?? 0, servingAt }
  const { history, seconds, ...row } = await begin(context, run, from)
  const head: DossierHead = {
    deployment: run.deployment,
    phase,
    policy: row.kept.judge.policy ?? policy,
    capabilities: judgeCapabilities(context.targets.of(run.environment).capabilities),
    oldRelease: run.base?.id ?? null,
    newRelease: run.release.id,
    startedAt: row.startedAt.toISOString(),
    samples: history,
  }
  recorder.begin(head)
  for (const second of seconds) recorder.add(second)
  return row
}
