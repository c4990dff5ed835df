import { SluiceError } from '../../../model/error.ts'
import type { Clock } from '../../../support/clock.ts'
import type { RunState } from './runtime.ts'

/** Milliseconds, all of them on the monotonic clock. */
export interface RestartPolicy {
  /** Pause before the second restart; the first comes at once, each further one doubles the pause. */
  readonly firstPauseMs: number
  readonly longestPauseMs: number
  /** Crashes in a row that make a crash loop; it is still restarted, after the longest pauses. */
  readonly crashLoopAfter: number
  /** Up for this long, an instance has no past any more. */
  readonly stableMs: number
  readonly tickMs: number
}

const defaultRestartPolicy: RestartPolicy = {
  firstPauseMs: 500,
  longestPauseMs: 30_000,
  crashLoopAfter: 5,
  stableMs: 60_000,
  tickMs: 250,
}

export interface SupervisorOptions {
  /** Ids that should run, as they are known now. */
  readonly desired: () => readonly string[]
  /** Null: there is no record of it, so it is not ours to restart. */
  readonly inspect: (id: string) => Promise<RunState | null>
  readonly onExit: (listener: (id: string) => void) => () => void
  /** Starts it again and resolves when it is ready; a rejection counts as one more crash. */
  readonly relaunch: (run: RunState, signal: AbortSignal) => Promise<void>
  readonly onChange: (change: SupervisorChange) => void
  readonly clock: Clock
  readonly policy?: Partial<RestartPolicy>
}

export interface SupervisorChange {
  readonly id: string
  readonly run: RunState
  readonly kind: 'exited' | 'restarting' | 'restarted' | 'restart-failed' | 'crash-loop'
  /** Crashes in a row. */
  readonly crashes: number
  readonly error?: unknown
}

interface Watch {
  crashes: number
  /** Since when it is up; null: it is down. */
  upSinceMs: number | null
  nextStartMs: number
  relaunching: boolean
}

/** Keeps the desired instances running. It decides by what it sees at each tick, and remembers crashes alone. */
export class Supervisor {
  readonly #options: SupervisorOptions
  readonly #policy: RestartPolicy
  readonly #watches = new Map<string, Watch>()
  readonly #closed = new AbortController()
  readonly #work = new Set<Promise<void>>()
  #timer: NodeJS.Timeout | undefined
  #forgetExits: (() => void) | undefined

  constructor(options: SupervisorOptions) {
    this.#options = options
    this.#policy = { ...defaultRestartPolicy, ...options.policy }
  }

  start(): void {
    const tick = () => this.#track(this.tick())
    this.#timer = setInterval(tick, this.#policy.tickMs)
    this.#timer.unref()
    this.#forgetExits = this.#options.onExit((id) => {
      if (this.#options.desired().includes(id)) this.#track(this.#check(id))
    })
  }

  /** Ends the supervision, not what is supervised. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    this.#forgetExits?.()
    this.#closed.abort(new SluiceError('CANCELLED', 'the supervisor was closed'))
    await Promise.all(this.#work)
  }

  async tick(): Promise<void> {
    const desired = this.#options.desired()
    for (const id of this.#watches.keys()) if (!desired.includes(id)) this.#watches.delete(id)
    for (const id of desired) await this.#check(id)
  }

  isCrashLooping(id: string): boolean {
    return (this.#watches.get(id)?.crashes ?? 0) >= this.#policy.crashLoopAfter
  }

  async #check(id: string): Promise<void> {
    const run = await this.#options.inspect(id)
    if (run === null || this.#closed.signal.aborted) return
    const now = this.#options.clock.monotonicMs()
    const watch = this.#watches.get(id) ?? { crashes: 0, upSinceMs: now, nextStartMs: now, relaunching: false }
    this.#watches.set(id, watch)
    if (watch.relaunching) return
    if (run.alive) return this.#seenAlive(watch, now)
    if (watch.upSinceMs !== null) this.#seenDead(watch, run, now)
    if (now >= watch.nextStartMs) this.#relaunch(watch, run)
  }

  #seenAlive(watch: Watch, now: number): void {
    watch.upSinceMs ??= now
    if (now - watch.upSinceMs >= this.#policy.stableMs) watch.crashes = 0
  }

  #seenDead(watch: Watch, run: RunState, now: number): void {
    if (watch.upSinceMs !== null && now - watch.upSinceMs >= this.#policy.stableMs) watch.crashes = 0
    this.#report('exited', watch, run)
    this.#countCrash(watch, run, now)
  }

  #countCrash(watch: Watch, run: RunState, now: number): void {
    watch.crashes++
    watch.upSinceMs = null
    watch.nextStartMs = now + this.#pauseMs(watch.crashes)
    if (watch.crashes === this.#policy.crashLoopAfter) this.#report('crash-loop', watch, run)
  }

  #pauseMs(crashes: number): number {
    const { firstPauseMs, longestPauseMs } = this.#policy
    return crashes <= 1 ? 0 : Math.min(firstPauseMs * 2 ** (crashes - 2), longestPauseMs)
  }

  #relaunch(watch: Watch, run: RunState): void {
    const { relaunch, clock } = this.#options
    watch.relaunching = true
    this.#report('restarting', watch, run)
    const work = relaunch(run, this.#closed.signal).then(
      () => {
        watch.upSinceMs = clock.monotonicMs()
        this.#report('restarted', watch, run)
      },
      (error: unknown) => {
        if (this.#closed.signal.aborted) return
        this.#report('restart-failed', watch, run, error)
        this.#countCrash(watch, run, clock.monotonicMs())
      },
    )
    this.#track(work.finally(() => (watch.relaunching = false)))
  }

  #report(kind: SupervisorChange['kind'], watch: Watch, run: RunState, error?: unknown): void {
    this.#options.onChange({
      id: run.id,
      run,
      kind,
      crashes: watch.crashes,
      ...(error === undefined ? {} : { error }),
    })
  }

  #track(work: Promise<void>): void {
    const tracked = work.catch(() => {}).finally(() => this.#work.delete(tracked))
    this.#work.add(tracked)
  }
}
