import { SluiceError } from '../../../model/error.ts'
import type { Instance, InstanceState } from '../../../model/instance.ts'
import type { Clock } from '../../../support/clock.ts'
import type { Log } from '../../../support/log.ts'
import type { InstanceLauncher } from '../instances/instance-launcher.ts'
import type { RunState, Runtime } from '../processes/runtime.ts'
import { type RestartPolicy, Supervisor, type SupervisorChange } from '../processes/supervisor.ts'
import { instanceOf } from '../records/environment-inspector.ts'
import type { EnvironmentStore } from '../records/environment-store.ts'
import type { Traffic } from '../routing/traffic.ts'
import type { Mutex } from './mutex.ts'

const TIDY_MS = 1000

const stateAfter: Readonly<Record<SupervisorChange['kind'], InstanceState>> = {
  exited: 'exited',
  restarting: 'starting',
  restarted: 'ready',
  'restart-failed': 'unready',
  'crash-loop': 'crash-loop',
}

/** Keeps all desired instances of all environments running, and the edge told of where they are. */
export class FleetKeeper {
  readonly #runtime: Runtime
  readonly #store: EnvironmentStore
  readonly #traffic: Traffic
  readonly #launcher: InstanceLauncher
  readonly #fleets: Mutex
  readonly #log: Log
  readonly #onChange: (instance: Instance, detail: string) => void
  readonly #supervisor: Supervisor
  readonly #closed = new AbortController()
  readonly #work = new Set<Promise<void>>()
  #timer: NodeJS.Timeout | undefined
  #isTidying = false
  #complaint = ''

  constructor(options: {
    readonly runtime: Runtime
    readonly store: EnvironmentStore
    readonly traffic: Traffic
    readonly launcher: InstanceLauncher
    readonly fleets: Mutex
    readonly clock: Clock
    readonly log: Log
    readonly onChange: (instance: Instance, detail: string) => void
    readonly isStopping: (id: string) => boolean
    readonly restarts: Partial<RestartPolicy>
  }) {
    this.#runtime = options.runtime
    this.#store = options.store
    this.#traffic = options.traffic
    this.#launcher = options.launcher
    this.#fleets = options.fleets
    this.#log = options.log
    this.#onChange = options.onChange
    this.#supervisor = new Supervisor({
      desired: () =>
        this.#store.environments
          .flatMap(({ releases }) => releases.flatMap(({ desired }) => desired))
          .filter((id) => !options.isStopping(id)),
      inspect: (id) => this.#runtime.inspect(id),
      onExit: (listener) => this.#runtime.onExit(listener),
      relaunch: (run, signal) => this.#relaunch(run, signal),
      onChange: (change) => this.#report(change),
      clock: options.clock,
      policy: options.restarts,
    })
  }

  /** Tells the edge of what runs now, as it may have changed while nobody watched, and begins to supervise. */
  start(): void {
    for (const { environment } of this.#store.environments) this.#tellEdge(environment)
    this.#supervisor.start()
    this.#timer = setInterval(() => this.#track(this.#tidy()), TIDY_MS)
    this.#timer.unref()
  }

  /** Nothing of it happens any more once this resolves. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    this.#closed.abort(new SluiceError('CANCELLED', 'the target was closed'))
    await this.#supervisor.close()
    await Promise.all(this.#work)
  }

  isCrashLooping(id: string): boolean {
    return this.#supervisor.isCrashLooping(id)
  }

  /** Under the same id, on a fresh port: a stranger may have taken the old one. */
  async #relaunch(run: RunState, signal: AbortSignal): Promise<void> {
    const release = this.#store.release(run.environment, run.release)?.record
    const service = release?.services.find(({ name }) => name === run.service)
    if (release === undefined || service === undefined) return
    const order = { release, service, index: run.index, id: run.id, signal }
    const started = await this.#fleets.run(run.release, async () => {
      // Meanwhile somebody else may have started or removed it.
      const now = await this.#runtime.inspect(run.id)
      return now === null || now.alive ? null : this.#launcher.start(order)
    })
    if (started === null) return
    try {
      const readiness = await this.#launcher.waitUntilReady(order, started)
      if (readiness === 'taken') throw await this.#giveUpPort(started)
    } finally {
      // Also when it is not ready yet: the edge goes on checking it.
      if (!signal.aborted) await this.#traffic.apply(run.environment).catch(() => {}) // tried again every second
    }
  }

  /** An edge that is away is told again every second. */
  #tellEdge(environment: string): void {
    const { signal } = this.#closed
    this.#track(this.#traffic.apply(environment, { signal }).catch((error: unknown) => this.#complain(String(error))))
  }

  /** Ends the process, so that the next attempt gets another port. */
  async #giveUpPort(run: RunState): Promise<SluiceError> {
    const now = await this.#runtime.inspect(run.id)
    if (now?.alive) process.kill(now.pid, 'SIGKILL')
    return new SluiceError('NO_PORT', `port ${run.port} was taken by another program in the meantime`)
  }

  #report(change: SupervisorChange): void {
    const { run, kind, error } = change
    const reason = error instanceof Error ? error.message : 'unknown'
    const detail = describe(change, reason)
    if (kind === 'exited' || kind === 'restart-failed' || kind === 'crash-loop') this.#log.warn(`${run.id}: ${detail}`)
    // The edge learns at once that it is gone, instead of by failing requests.
    if (kind === 'exited') this.#tellEdge(run.environment)
    this.#onChange(instanceOf(run, stateAfter[kind]), detail)
  }

  async #tidy(): Promise<void> {
    if (this.#isTidying) return
    this.#isTidying = true
    try {
      await this.#runtime.tidy()
      await this.#traffic.refresh(this.#closed.signal)
      this.#complaint = ''
    } catch (error) {
      this.#complain(error instanceof Error ? error.message : 'unknown error')
    } finally {
      this.#isTidying = false
    }
  }

  #track(work: Promise<void>): void {
    const tracked = work.finally(() => this.#work.delete(tracked))
    this.#work.add(tracked)
  }

  /** Once, and not each second for as long as it lasts. */
  #complain(text: string): void {
    if (this.#closed.signal.aborted) return
    if (text !== this.#complaint) this.#log.warn(`looking after the instances: ${text}`)
    this.#complaint = text
  }
}

function describe({ run, kind, crashes }: SupervisorChange, reason: string): string {
  switch (kind) {
    case 'exited':
      return run.exit?.code === null || run.exit === undefined ? 'was killed' : `exited with code ${run.exit.code}`
    case 'restarting':
      return 'is started again'
    case 'restarted':
      return 'is ready again'
    case 'restart-failed':
      return `could not be started again: ${reason}`
    case 'crash-loop':
      return `crashed ${crashes} times in a row`
    default:
      return kind satisfies never
  }
}
