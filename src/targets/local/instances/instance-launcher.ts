import { randomInt } from 'node:crypto'
import { SluiceError } from '../../../model/error.ts'
import type { ReleaseRecord, ReleaseService } from '../../../model/release.ts'
import type { Clock } from '../../../support/clock.ts'
import { userToRunAs } from '../../../support/system-user.ts'
import type { LocalTargetOptions } from '../local-context.ts'
import type { RunState, Runtime } from '../processes/runtime.ts'
import type { EnvironmentStore } from '../records/environment-store.ts'
import { workingFolder } from '../routing/release-files.ts'
import { instanceEnvironment } from './instance-environment.ts'
import type { Ports } from './ports.ts'
import { waitUntilReady } from './readiness.ts'

/** Ports tried before we give up: each was free a moment before. */
const PORT_ATTEMPTS = 5

export interface LaunchOrder {
  readonly release: ReleaseRecord
  readonly service: ReleaseService
  readonly index: number
  readonly signal: AbortSignal
  /** Called with each process that exists from now on, ready or not. */
  readonly onStarted?: (run: RunState) => void
}

/** Starts instances, each with a port and an environment of its own. */
export class InstanceLauncher {
  readonly #runtime: Runtime
  readonly #store: EnvironmentStore
  readonly #ports: Ports
  readonly #clock: Clock
  readonly #environmentOf: LocalTargetOptions['environmentOf']
  readonly #inherited: Readonly<Record<string, string>>

  constructor(options: {
    readonly runtime: Runtime
    readonly store: EnvironmentStore
    readonly ports: Ports
    readonly clock: Clock
    readonly environmentOf: LocalTargetOptions['environmentOf']
    readonly inherited: Readonly<Record<string, string>>
  }) {
    this.#runtime = options.runtime
    this.#store = options.store
    this.#ports = options.ports
    this.#clock = options.clock
    this.#environmentOf = options.environmentOf
    this.#inherited = options.inherited
  }

  /** A new instance that is ready; on another port when the first was taken meanwhile. What failed is stopped again. */
  async launch(order: LaunchOrder): Promise<RunState> {
    for (let attempt = 1; attempt <= PORT_ATTEMPTS; attempt++) {
      const id = instanceId(order)
      const run = await this.start({ ...order, id })
      try {
        order.onStarted?.(run)
        if ((await this.waitUntilReady(order, run)) === 'ready') return run
      } catch (error) {
        await this.#runtime.stop(id, { graceMs: Math.min(order.service.stopGraceMs, 2000), keepLog: true })
        throw error
      }
      await this.#runtime.stop(id, { graceMs: 0, keepLog: true })
    }
    throw new SluiceError('NO_PORT', `${order.service.name} found ${PORT_ATTEMPTS} ports taken, one after the other`, {
      hint: 'something on this machine takes ports as fast as they are given out, or the program opens PORT twice',
      details: { release: order.release.id, service: order.service.name },
    })
  }

  /** Only starts, under the given id: the process exists when this resolves. */
  async start(order: LaunchOrder & { readonly id: string }): Promise<RunState> {
    const { release, service, index, id } = order
    const stored = this.#store.release(release.environment, release.id)
    if (stored === null) throw new SluiceError('RELEASE_UNKNOWN', `${release.id} is not known on this machine`)
    const user = userToRunAs(service)
    const port = service.kind === 'web' ? await this.#pickPort() : undefined
    const resolved = await this.#environmentOf(release, service.name)
    const { internalPorts } = stored
    return this.#runtime.start({
      id,
      environment: release.environment,
      release: release.id,
      service: service.name,
      index,
      command: service.start ?? ':',
      cwd: workingFolder(stored.tree, service),
      env: instanceEnvironment({
        release,
        service,
        instance: id,
        port,
        user,
        internalPorts,
        inherited: this.#inherited,
        resolved,
      }),
      ...(port === undefined ? {} : { port }),
      limits: service.limits,
      ...(user === undefined ? {} : { user: { uid: user.uid, gid: user.gid } }),
    })
  }

  waitUntilReady(order: Pick<LaunchOrder, 'service' | 'signal'>, run: RunState): Promise<'ready' | 'taken'> {
    const { service, signal } = order
    return waitUntilReady({ run, service, signal, runtime: this.#runtime, clock: this.#clock })
  }

  /** Ports for the edge's own listeners, one per service of a release. */
  async internalPorts(services: readonly string[]): Promise<Record<string, number>> {
    const ports: Record<string, number> = {}
    for (const service of services) ports[service] = await this.#pickPort()
    return ports
  }

  /** Ports of dead and stopped instances count as well: the edge may remember them. */
  async #pickPort(): Promise<number> {
    const used = [
      ...(await this.#runtime.list()).map(({ port }) => port),
      ...this.#store.environments.flatMap(({ releases }) =>
        releases.flatMap(({ internalPorts }) => Object.values(internalPorts)),
      ),
    ]
    return this.#ports.pick(new Set(used.filter((port) => port !== undefined)))
  }
}

/** Unique for ever: a successor in the same place gets another name. */
function instanceId({ release, service, index }: LaunchOrder): string {
  return `${release.id}-${service.name}-${index}-${randomInt(36 ** 4)
    .toString(36)
    .padStart(4, '0')}`
}
