import type { Edge } from '../../../edge/edge.ts'
import type { ReleaseRecord, ReleaseService } from '../../../model/release.ts'
import { homeAt } from '../../../support/home.ts'
import type { ReleaseOptions, TargetUnderTest } from '../../target.contract.ts'
import type { Target } from '../../target.ts'
import { freePorts } from '../instances/ports.ts'
import type { LocalTargetOptions } from '../local-context.ts'
import { type LocalTarget, localTarget } from '../local-target.ts'
import { processRuntime } from '../processes/process-runtime.ts'
import type { Runtime } from '../processes/runtime.ts'
import { appCommand, appFolder, stopAll, temporaryFolder } from './fixture.ts'
import { PlainEdge } from './plain-edge.ts'

export const environment = 'shop.test'

export interface LocalWorld extends TargetUnderTest {
  readonly target: LocalPlace
  /** What an engine is given. */
  readonly kind: LocalTarget
  readonly edge: Edge
  readonly runtime: Runtime
  readonly folder: string
  readonly httpPort: number
  /** Another target on the same machine, as after a restart of the control plane. */
  restart(options?: Partial<LocalTargetOptions>): LocalPlace
}

/** The environment of a world, as one target sees it. */
export type LocalPlace = Target & Pick<LocalTarget, 'ready' | 'close'>

/** A local target in a folder of its own with a real edge. */
export async function localWorld(
  given: {
    readonly edge?: (folder: string) => Promise<{ readonly edge: Edge; readonly close: () => Promise<void> }>
    readonly options?: Partial<LocalTargetOptions>
    /** Another one than `environment`, for worlds that share an edge. */
    readonly name?: string
  } = {},
): Promise<LocalWorld> {
  const folder = await temporaryFolder()
  const { edge, close } = await (given.edge ?? plainEdge)(folder.path)
  const home = homeAt(folder.path)
  const runtime = processRuntime({ directory: home.instances })
  const ports = freePorts()
  const httpPort = await ports.pick(new Set())
  const targets: LocalTarget[] = []
  const name = given.name ?? environment
  const open = (options: Partial<LocalTargetOptions> = {}) => {
    const kind = localTarget({
      edge,
      runtime,
      home,
      ports,
      files: async () => appFolder,
      environmentOf: async () => ({ API_KEY: 'hush-hush' }),
      restarts: { firstPauseMs: 50, longestPauseMs: 200, tickMs: 50 },
      ...given.options,
      ...options,
    })
    targets.push(kind)
    return kind
  }
  const placeOf = (kind: LocalTarget): LocalPlace => ({
    ...kind.open({ key: name, settings: {} }),
    ready: kind.ready,
    close: () => kind.close(),
  })
  const kind = open()
  return {
    target: placeOf(kind),
    kind,
    edge,
    runtime,
    folder: folder.path,
    httpPort,
    environment: name,
    restart: (options) => placeOf(open(options)),
    release: (options) => ({ ...releaseRecord({ ...options, httpPort }), environment: name }),
    get: (path) => getOnce(`http://127.0.0.1:${httpPort}${path}`),
    async kill(id) {
      process.kill((await runtime.inspect(id))?.pid ?? Number.NaN, 'SIGKILL')
    },
    async close() {
      for (const each of targets) await each.close()
      await stopAll(runtime)
      await close()
      await folder.remove()
    },
  }
}

async function plainEdge() {
  const edge = new PlainEdge()
  return { edge, close: () => edge.close() }
}

/** As a visitor who was never here. */
async function getOnce(url: string): Promise<{ status: number; text: string }> {
  try {
    const answer = await fetch(url, { headers: { connection: 'close' } })
    return { status: answer.status, text: await answer.text() }
  } catch {
    return { status: 0, text: '' }
  }
}

export function releaseRecord(options: ReleaseOptions & { readonly httpPort: number }): ReleaseRecord {
  const { id, env = {}, readyMs = 20_000, more = [], httpPort } = options
  return {
    id,
    environment,
    project: 'shop',
    artifact: 'a'.repeat(64),
    source: { kind: 'directory', commit: null, dirty: false, branch: null, subject: null },
    services: [
      appService({ name: 'web', env, routes: [{ path: '/' }] }, readyMs),
      ...more.map((service) => appService(service, readyMs)),
    ],
    target: {
      name: 'local',
      settings: {
        edge: {
          httpPort,
          httpsPort: null,
          redirectToHttps: false,
          certificates: [],
          limits: {
            headerBytes: 32_768,
            bodyBytes: 0,
            headersMs: 10_000,
            bodyIdleMs: 30_000,
            responseMs: 60_000,
            keepAliveMs: 75_000,
            connections: 10_000,
            holdQueue: 1000,
            holdMs: 15_000,
          },
        },
      },
    },
    keepAssetsOfReleases: 2,
    stickiness: true,
    secrets: {},
    database: null,
    schema: null,
    createdAt: new Date().toISOString(),
  }
}

function appService(service: Partial<ReleaseService>, readyMs: number): ReleaseService {
  return {
    name: 'web',
    kind: 'web',
    directory: '',
    start: appCommand(),
    instances: 1,
    env: {},
    routes: [],
    health: { path: '/health', intervalMs: 500, timeoutMs: 2000, passes: 2, failures: 2, readyMs },
    drainMs: 5000,
    stopGraceMs: 3000,
    limits: {},
    ...service,
  }
}
