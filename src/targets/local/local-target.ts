import { SluiceError } from '../../model/error.ts'
import type { Fleet } from '../../model/instance.ts'
import { shareOf, type TrafficSplit } from '../../model/traffic-split.ts'
import { sleep, systemClock } from '../../support/clock.ts'
import { deadline } from '../../support/deadline.ts'
import { silentLog } from '../../support/log.ts'
import { userEnvironment } from '../../support/user-environment.ts'
import type { Fleets, Retired, TargetCapabilities, Traffic as TargetTraffic } from '../target.ts'
import type { TargetKind } from '../target-kind.ts'
import { FleetKeeper } from './fleets/fleet-keeper.ts'
import { FleetRetirer } from './fleets/fleet-retirer.ts'
import { FleetScaler } from './fleets/fleet-scaler.ts'
import { Mutex } from './fleets/mutex.ts'
import { InstanceLauncher } from './instances/instance-launcher.ts'
import { freePorts } from './instances/ports.ts'
import type { LocalTargetOptions } from './local-context.ts'
import { localRunner } from './local-runner.ts'
import type { LocalSettings } from './local-settings.ts'
import { processRuntime } from './processes/process-runtime.ts'
import type { Runtime } from './processes/runtime.ts'
import { inspectEnvironment } from './records/environment-inspector.ts'
import { EnvironmentStore } from './records/environment-store.ts'
import { patientEdge } from './routing/patient-edge.ts'
import { portsInMemory, resolveHttpPort } from './routing/public-ports.ts'
import { publicUrls } from './routing/public-urls.ts'
import { admitRelease } from './routing/release-admission.ts'
import { Traffic } from './routing/traffic.ts'
import { localWitness } from './witness/local-witness.ts'

/** One machine: instances are processes, traffic is moved by the edge. */
export interface LocalTarget extends TargetKind {
  /** Resolves when what ran before was found again and is supervised; every other call waits for it as well. */
  readonly ready: Promise<void>
  /** Ends the supervision and all readers of samples and logs. Instances and edge go on. */
  close(): Promise<void>
}

/** Everything that works together behind the target; made once its records were read. */
interface Parts {
  readonly store: EnvironmentStore
  readonly traffic: Traffic
  readonly launcher: InstanceLauncher
  readonly scaler: FleetScaler
  readonly retirer: FleetRetirer
  readonly keeper: FleetKeeper
}

/** How long an instance may take to be found healthy by an edge that is new to it. */
const NEW_EDGE_MS = 3000
const LOOK_AGAIN_MS = 100

const HOLD_MS = 10_000

export function localTarget(options: LocalTargetOptions): LocalTarget {
  const { runtime = processRuntime({ directory: options.home.instances }) } = options
  const edge = patientEdge(options.edge)
  const { log = silentLog, inherited = userEnvironment({}, process.execPath), publicPorts = portsInMemory() } = options
  /** Per release: one of scale, retire and restart at a time. */
  const fleets = new Mutex()
  const closed = new AbortController()
  const untilClosed = <Query extends { readonly signal: AbortSignal }>(query: Query): Query => ({
    ...query,
    signal: AbortSignal.any([query.signal, closed.signal]),
  })
  const opening = openParts({ ...options, inherited, edge, runtime }, fleets)
  const ready = opening.then(() => {})
  ready.catch(() => {}) // each call reports it; nobody has to ask for `ready`
  const capabilities = capabilitiesOn(edge.capabilities)
  const runner = localRunner({ ...options, inherited })

  const inspect = async (environment: string) => {
    const { store, keeper, retirer } = await opening
    const isCrashLooping = (id: string) => keeper.isCrashLooping(id)
    return inspectEnvironment(environment, { edge, runtime, store, isCrashLooping, isStopping: retirer.isStopping })
  }

  const fleetsOf = (environment: string): Fleets => ({
    inspect: () => inspect(environment),

    async scale(release, counts, scaleOptions): Promise<Fleet> {
      const parts = await opening
      await acceptFence(parts.store, environment, scaleOptions.fence)
      await fleets.run(release.id, async () => {
        scaleOptions.signal.throwIfAborted()
        await admitRelease(release, { ...parts, ...options, signal: scaleOptions.signal })
        await parts.scaler.scale(release, counts, scaleOptions)
      })
      const found = (await inspect(environment)).fleets.find((fleet) => fleet.release === release.id)
      return found ?? { environment, release: release.id, instances: [] }
    },

    async retire(release, retireOptions): Promise<Retired> {
      const { store, retirer } = await opening
      await acceptFence(store, environment, retireOptions.fence)
      return fleets.run(release, () => retirer.retire(environment, release, retireOptions))
    },
  })

  const trafficOf = (environment: string): TargetTraffic => ({
    async shift(split, shiftOptions) {
      const { store, traffic } = await opening
      await acceptFence(store, environment, shiftOptions.fence)
      const { signal, done } = deadline(`moving the traffic of ${environment}`, shiftOptions)
      try {
        await assertReachable(environment, split, { store, traffic, signal })
        await traffic.apply(environment, { split, signal })
      } finally {
        done()
      }
    },
    hold: ({ mode, service }, { signal, deadlineMs }) =>
      edge.hold(
        { environment, mode, ...(service === undefined ? {} : { service }) },
        { signal, deadlineMs: Math.min(deadlineMs, HOLD_MS) },
      ),
    urls: publicUrls,
    usage: () => inspect(environment),
  })

  return {
    name: 'local',
    ready,
    open: ({ key }) => ({
      capabilities,
      fleets: fleetsOf(key),
      traffic: trafficOf(key),
      witness: localWitness(key, { edge, runtime, log, untilClosed }),
      runner,
      deliver: async (artifact) => {
        await options.files(artifact)
      },
      async resolve(settings) {
        const { edge: given } = settings as unknown as LocalSettings
        return { ...settings, edge: { ...given, httpPort: await resolveHttpPort(key, given, publicPorts) } }
      },
    }),

    async close() {
      closed.abort(new SluiceError('CANCELLED', 'the target was closed'))
      const parts = await opening.catch(() => null)
      await parts?.keeper.close()
    },
  }
}

async function openParts(
  options: LocalTargetOptions & { readonly runtime: Runtime; readonly inherited: Readonly<Record<string, string>> },
  fleets: Mutex,
): Promise<Parts> {
  const { edge, runtime, home, environmentOf, inherited } = options
  const { clock = systemClock, log = silentLog, ports = freePorts() } = options
  const store = await EnvironmentStore.open(home.instances)
  const traffic = new Traffic({ edge, runtime, store })
  const launcher = new InstanceLauncher({ runtime, store, ports, clock, environmentOf, inherited })
  const scaler = new FleetScaler({ runtime, store, traffic, launcher, clock })
  const retirer = new FleetRetirer({ runtime, store, traffic })
  const { onChange = () => {}, restarts = {} } = options
  const keeper = new FleetKeeper({
    runtime,
    store,
    traffic,
    launcher,
    fleets,
    clock,
    log,
    onChange,
    restarts,
    isStopping: retirer.isStopping,
  })
  keeper.start()
  return { store, traffic, launcher, scaler, retirer, keeper }
}

function capabilitiesOn(edge: {
  readonly sampleSeconds: number
  readonly reactionMs: number
  readonly perInstance: boolean
}): TargetCapabilities {
  return {
    weights: 'any',
    canLower: true,
    assignment: 'visitor',
    perInstance: edge.perInstance,
    sampleSeconds: edge.sampleSeconds,
    sampleLagSeconds: 0,
    reactionSeconds: edge.reactionMs / 1000,
    warmStandby: true,
    ownsShift: false,
    previews: true,
    pace: { inspectMs: 1000, launchMs: 60_000, shiftMs: 15_000, quietMs: 0 },
  }
}

/** A newer lease has been seen here: an older one must not touch anything any more. */
async function acceptFence(store: EnvironmentStore, environment: string, fence: number): Promise<void> {
  const known = store.get(environment)?.fence ?? 0
  if (fence < known) {
    throw new SluiceError(
      'FENCED',
      `${environment} was taken over under fence ${known}; fence ${fence} comes too late`,
      {
        hint: 'a newer deployment has taken over',
        details: { fence: known },
      },
    )
  }
  if (fence > known) await store.update(environment, (stored) => ({ ...stored, fence }))
}

/**
 * No more traffic for a release that has no healthy instance of some service. Less is always allowed, or a broken
 * release could not be left.
 */
async function assertReachable(
  environment: string,
  split: TrafficSplit,
  sources: { readonly store: EnvironmentStore; readonly traffic: Traffic; readonly signal: AbortSignal },
): Promise<void> {
  const until = performance.now() + NEW_EDGE_MS
  for (;;) {
    const missing = await unreachable(environment, split, sources)
    if (missing === null) return
    // An edge that has just been started again has not looked at every instance yet.
    if (missing.code !== 'NO_READY_INSTANCE' || performance.now() > until) throw missing
    await sleep(LOOK_AGAIN_MS, sources.signal)
  }
}

/** What speaks against this split; null: nothing. */
async function unreachable(
  environment: string,
  split: TrafficSplit,
  sources: { readonly store: EnvironmentStore; readonly traffic: Traffic },
): Promise<SluiceError | null> {
  const seen = await sources.traffic.seen(environment)
  for (const release of [split.base, split.candidate]) {
    if (release === null || shareOf(release, split) <= shareOf(release, seen?.split ?? null)) continue
    const stored = sources.store.release(environment, release)
    if (stored === null) return new SluiceError('RELEASE_UNKNOWN', `${release} is not launched in ${environment}`)
    for (const service of stored.record.services.filter(({ kind, instances }) => kind === 'web' && instances > 0)) {
      const isReady = seen?.instances.some(
        (each) => each.release === release && each.service === service.name && each.healthy && !each.draining,
      )
      if (isReady) continue
      return new SluiceError(
        'NO_READY_INSTANCE',
        `no instance of ${service.name} of ${release} is ready: its users would get errors`,
        {
          hint: `look at it with \`sluice logs ${service.name} --release ${release}\``,
          details: { release, service: service.name },
        },
      )
    }
  }
  return null
}
