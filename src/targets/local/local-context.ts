import type { Edge } from '../../edge/edge.ts'
import type { Instance } from '../../model/instance.ts'
import type { ReleaseRecord } from '../../model/release.ts'
import type { Clock } from '../../support/clock.ts'
import type { Home } from '../../support/home.ts'
import type { Log } from '../../support/log.ts'
import type { Ports } from './instances/ports.ts'
import type { Runtime } from './processes/runtime.ts'
import type { RestartPolicy } from './processes/supervisor.ts'
import type { PublicPorts } from './routing/public-ports.ts'

export interface LocalTargetOptions {
  readonly edge: Edge
  /** Default: processes below `home.instances`. */
  readonly runtime?: Runtime
  readonly home: Pick<Home, 'instances'>
  /** Absolute folder with the files of an artifact. */
  readonly files: (artifact: string) => Promise<string>
  /** Secrets and DATABASE_URL, asked for at each start and never kept. */
  readonly environmentOf: (release: ReleaseRecord, service: string) => Promise<Readonly<Record<string, string>>>
  /** What instances inherit, PATH above all; default: a PATH with our own Node. */
  readonly inherited?: Readonly<Record<string, string>>
  /** Key for `x-sluice-release`; default: a random one per environment, kept on disk. */
  readonly previewKeyOf?: (environment: string) => Promise<string>
  readonly ports?: Ports
  /** Public listeners; default: nothing outlives this target. */
  readonly publicPorts?: PublicPorts
  readonly clock?: Clock
  readonly log?: Log
  /** Something happened to an instance by itself: it ended, was restarted, or keeps crashing. `detail` is a sentence. */
  readonly onChange?: (instance: Instance, detail: string) => void
  readonly restarts?: Partial<RestartPolicy>
}
