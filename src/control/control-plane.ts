import { setTimeout as sleep } from 'node:timers/promises'
import { createApi, ownerToken } from '../api/index.ts'
import { fileArtifactStore } from '../build/file-artifact-store.ts'
import { localBuilder } from '../build/local-builder.ts'
import { databaseHosts } from '../databases/database-hosts.ts'
import { createEngine, type WorkflowsDecorator } from '../engine/index.ts'
import * as judge from '../judge/index.ts'
import type { SluiceError } from '../model/error.ts'
import { openSecretBox } from '../secrets/secret-box.ts'
import { fileUploads } from '../sources/file-uploads.ts'
import { localSources } from '../sources/local-sources.ts'
import { chosenHttpPorts, getEnvironment, listEnvironments, rememberHttpPort } from '../store/environments.ts'
import { systemClock } from '../support/clock.ts'
import { homeAt } from '../support/home.ts'
import type { Log } from '../support/log.ts'
import { messageOf } from '../support/message-of.ts'
import { userEnvironment } from '../support/user-environment.ts'
import { userName } from '../support/user-name.ts'
import { type LocalTarget, localTarget } from '../targets/local/local-target.ts'
import { openLocalDoor, openPublicDoor } from './doors.ts'
import { type EdgeChoice, startEdge } from './edge-choice.ts'
import { keepEdge } from './edge-keeper.ts'
import type { ListenSettings } from './listen-settings.ts'
import { lockHome } from './lock.ts'
import { openStore } from './open-store.ts'
import { policyFor } from './policy.ts'
import { tidyUploads } from './tidy-uploads.ts'

const RECONCILE_END_MS = 20_000
const STOP_DATABASE_MS = 20_000
/** The record of who asked is worth a moment; a database that is gone holds up no stop. */
const TELL_MS = 1000

export interface ControlPlaneOptions {
  readonly homeRoot: string
  readonly environment: NodeJS.ProcessEnv
  readonly execPath: string
  readonly edge: EdgeChoice
  readonly token: string
  /** For other machines; null: this one only. */
  readonly listen: ListenSettings | null
  readonly version: string
  readonly log: Log
  /** Asked for by the API: `all` also stops fleets, edge and databases. */
  readonly onShutdown: (options: { readonly all: boolean }) => void
  /** Another control plane has the database: this one must end at once. */
  readonly onTaken: (error: SluiceError) => void
  readonly decorateWorkflows?: WorkflowsDecorator
}

export interface ControlPlane {
  readonly port: number
  /** Users are served on; `all` stops everything. */
  stop(options: { readonly all: boolean }): Promise<void>
}

/** Puts the parts together, brings back what should run, resumes what was in flight, and listens. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const { environment, log } = options
  const home = homeAt(options.homeRoot)
  const lock = await lockHome(home.control)
  const stopping = new AbortController()

  const opening = openStore({ home, environment, version: options.version, log, onTaken: options.onTaken })
  // A database of others may have its control plane already: then nothing is started here.
  if (environment.DATABASE_URL !== undefined) await opening
  // Our own PostgreSQL and the edge are started side by side: neither needs the other.
  const [store, edge] = await Promise.all([opening, startEdge(options.edge, home, log, environment)])
  const { database, url } = store
  const inherited = userEnvironment(environment, options.execPath)
  const secrets = await openSecretBox(home.secrets)
  const databases = databaseHosts({ directory: home.databases, log })
  const artifacts = fileArtifactStore({ directory: home.artifacts, trees: home.trees })
  const uploads = fileUploads({ directory: home.uploads })
  const builder = localBuilder({ artifacts, home, log, environment, execPath: options.execPath })

  let local: LocalTarget | null = null
  const parts = createEngine({
    database,
    databaseUrl: url,
    targets: (resolveEnvironmentOf, onChange) => {
      local = localTarget({
        edge,
        home,
        files: (artifact) => artifacts.tree(artifact),
        environmentOf: resolveEnvironmentOf,
        inherited,
        previewKeyOf: async (key) => (await getEnvironment(database, key)).preview_key,
        publicPorts: {
          known: async () => chosenHttpPorts(await listEnvironments(database)),
          remember: (key, port) => rememberHttpPort(database, key, port),
        },
        onChange,
        log,
      })
      return [local]
    },
    sources: localSources({ builds: home.builds, uploads, environment, userEnvironment: inherited }),
    builder,
    artifacts,
    secrets,
    databases,
    judge,
    policyFor,
    clock: systemClock,
    log,
    ...(options.decorateWorkflows === undefined ? {} : { decorateWorkflows: options.decorateWorkflows }),
  })
  const keeping = keepEdge({
    edge,
    start: () => startEdge(options.edge, home, log, environment),
    log,
    signal: stopping.signal,
    onRestart: () => parts.reconcile(stopping.signal),
  })

  const api = createApi({
    engine: parts.engine,
    uploads,
    identify: ownerToken(options.token, userName()),
    version: options.version,
    log,
    onShutdown: (actor, what) => {
      const told = parts.tellStop(actor, what).catch((error: unknown) => log.warn(messageOf(error)))
      void Promise.race([told, sleep(TELL_MS)]).then(() => options.onShutdown(what))
    },
    dossier: (deployment, phase) => parts.dossier(deployment, phase),
  })
  // Adoption is quick; a relaunch after a reboot takes as long as the applications need, and nobody waits for it here.
  const reconciling = parts
    .reconcile(stopping.signal)
    .catch((error: unknown) => log.error(`reconciliation failed: ${messageOf(error)}`))
  await parts.launch()
  const tidying = tidyUploads(uploads, database, log)
  const server = await openLocalDoor(api, home)
  const forOthers = options.listen === null ? null : await openPublicDoor(api, options.listen, log)

  return {
    port: server.port,
    async stop({ all }) {
      stopping.abort()
      clearInterval(tidying)
      await Promise.all([server.close(), forOthers?.close()])
      if (all) {
        // Nothing may be brought back behind the back of what takes it away.
        await Promise.race([Promise.all([reconciling, keeping]), sleep(RECONCILE_END_MS)])
        await parts.stopFleets()
        await edge.close({ stop: true })
        const environments = await listEnvironments(database)
        await Promise.all(environments.map(({ key }) => databases.stop(key, { deadlineMs: STOP_DATABASE_MS })))
      }
      await Promise.race([parts.shutdown(), sleep(3000)])
      await Promise.race([local?.close(), sleep(3000)])
      await Promise.race([store.close(), sleep(2000)])
      await store.stop(all)
      await lock.release()
    },
  }
}
