import { lookup } from 'node:dns/promises'
import { readFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { availableParallelism } from 'node:os'
import { SluiceError } from '../../../model/error.ts'
import { withHold } from '../../../model/holds.ts'
import { thresholdOf, WEIGHT_STEPS } from '../../assignment.ts'
import type { HoldOrder, RoutedRelease, RouteTable } from '../../edge.ts'
import { assetPathsOf } from '../configuration/asset-paths.ts'
import { certificateStamp, type PortCertificates, readCertificates } from '../configuration/certificate-files.ts'
import { configurationOf } from '../configuration/configuration.ts'
import { mapsOf } from '../configuration/maps.ts'
import type { DesiredPlane } from '../data-plane/data-plane.ts'
import { wantedSlots } from '../data-plane/slot-commands.ts'
import { backendOf, type Pool, planPool } from '../pool.ts'
import { hasIpv6 } from './ports.ts'

/** What the control plane wants of the edge. */
export interface Desire {
  readonly tables: ReadonlyMap<string, RouteTable>
  readonly holds: readonly HoldOrder[]
  /** Instances out of rotation, by `drainKey`. */
  readonly draining: ReadonlySet<string>
}

export type AssetPaths = ReadonlyMap<string, readonly string[]>

export interface Plan {
  readonly plane: DesiredPlane
  readonly pool: Pool
  readonly assetPaths: AssetPaths
  readonly certificates: readonly PortCertificates[]
  readonly certificateStamp: string
}

/** Longest wait for a first passed check before traffic is led to a release. */
const AWAIT_MS = 2000

/** All that HAProxy must be for a desire. Throws `CERTIFICATE_INVALID` and `EDGE_REFUSED_TABLE`; it changes nothing. */
export async function planFor(
  desire: Desire,
  present: {
    readonly desire: Desire
    readonly pool: Pool
    readonly assetPaths: AssetPaths
    readonly certificateFolder: string
    readonly ring: { readonly port: number; readonly mark: string }
    readonly log: (text: string) => void
  },
): Promise<Plan> {
  const tables = [...desire.tables.values()]
  // The stamp is older than what is read: a change in between is seen again.
  const stamp = await certificateStamp(tables)
  const certificates = await readCertificates(tables, {
    folder: present.certificateFolder,
    inForce: present.desire.tables.values(),
    log: present.log,
  })
  const pool = planPool(present.pool, tables, Date.now())
  const assetPaths = new Map<string, readonly string[]>()
  for (const table of tables) {
    const known = present.desire.tables.get(table.environment) === table
    const kept = known ? present.assetPaths.get(table.environment) : undefined
    assetPaths.set(table.environment, kept ?? (await assetPathsOf(table)))
  }
  const isDraining = (environment: string, id: string) => desire.draining.has(drainKey(environment, id))
  const maps = mapsOf({ tables, holds: desire.holds, pool, assetPaths })
  const plane: DesiredPlane = {
    sections: configurationOf({
      tables,
      pool,
      fileLimit: await fileLimit(),
      ipv6: hasIpv6(),
      ring: present.ring,
      threads: threadsFor(availableParallelism()),
      certificates: new Map(certificates.map(({ port, name }) => [port, name])),
    }),
    pool,
    maps,
    slots: wantedSlots(pool, { isDraining, addresses: await addressesOf(tables), checkPaths: maps.checks }),
    draining: [...desire.draining],
    awaited: tables.flatMap((table) => newlyRouted(table, present.desire.tables.get(table.environment), pool)),
    awaitMs: AWAIT_MS,
  }
  return { plane, pool, assetPaths, certificates, certificateStamp: stamp }
}

/** The desire with another table for its environment; one that says nothing removes the environment. */
export function withTable(desire: Desire, table: RouteTable): Desire {
  const tables = new Map(desire.tables)
  const { environment, releases, listeners } = table
  if (releases.length === 0 && listeners.http === null && listeners.https === null) tables.delete(environment)
  else tables.set(environment, table)
  const before = desire.tables.get(environment)
  const routedBefore = before === undefined ? new Set<string>() : routedReleases(before)
  const routed = routedReleases(table)
  // Traffic that leads to a release again ends the drain of its instances; a drain of a gone instance ends by itself.
  const stillDraining = releases
    .filter(({ release }) => !routed.has(release) || routedBefore.has(release))
    .flatMap((release) => instancesOf(release).map((id) => drainKey(environment, id)))
  const draining = [...desire.draining].filter(
    (key) => !key.startsWith(`${environment} `) || stillDraining.includes(key),
  )
  const holds = desire.holds.filter((hold) => tables.has(hold.environment))
  return { tables, holds, draining: new Set(draining) }
}

export function withHoldOrder(desire: Desire, { environment, ...hold }: HoldOrder): Desire {
  const others = desire.holds.filter((other) => other.environment !== environment)
  const own = desire.holds.filter((other) => other.environment === environment)
  return { ...desire, holds: [...others, ...withHold(own, hold).map((each) => ({ ...each, environment }))] }
}

export function instancesOf(release: RoutedRelease): string[] {
  return release.services.flatMap(({ instances }) => instances.map(({ id }) => id))
}

export function drainKey(environment: string, instance: string): string {
  return `${environment} ${instance}`
}

/** Weight in force, 0..1. */
export function weightIn(desire: Desire, environment: string): number {
  const table = desire.tables.get(environment)
  return table === undefined ? 0 : thresholdOf(table.split) / WEIGHT_STEPS
}

/** Releases that requests without a preview key may reach. */
function routedReleases({ split }: RouteTable): Set<string> {
  const releases = new Set<string>()
  if (split.base !== null && split.weight < 1) releases.add(split.base)
  if (split.candidate !== null && split.weight > 0) releases.add(split.candidate)
  return releases
}

/** Backends of releases that get traffic now and had none before. */
function newlyRouted(table: RouteTable, before: RouteTable | undefined, pool: Pool): string[] {
  const { environment } = table
  const old = before === undefined ? new Set<string>() : routedReleases(before)
  return table.releases
    .filter(({ release }) => routedReleases(table).has(release) && !old.has(release))
    .flatMap(({ release, services }) =>
      services.map(({ service }) => backendOf(pool, { environment, release, service })),
    )
    .flatMap((backend) => (backend === undefined ? [] : [backend.name]))
}

/** HAProxy takes addresses only at run time. */
async function addressesOf(tables: readonly RouteTable[]): Promise<Map<string, string>> {
  const services = tables.flatMap(({ releases }) => releases.flatMap((release) => release.services))
  const hosts = new Set(services.flatMap(({ instances }) => instances.map(({ host }) => host)))
  const addresses = new Map<string, string>()
  for (const host of hosts) {
    if (isIP(host) !== 0) continue
    try {
      addresses.set(host, (await lookup(host, { family: 4 })).address)
    } catch (cause) {
      throw new SluiceError('EDGE_REFUSED_TABLE', `the host ${host} of an instance has no address`, { cause })
    }
  }
  return addresses
}

/**
 * Threads wait for each other at the log by spinning, which costs more than a second thread brings until there are
 * many cores: one thread carries some 40,000 requests per second.
 */
function threadsFor(cores: number): number {
  return Math.max(1, Math.min(8, Math.floor(cores / 4)))
}

/** Soft limit of open files, which HAProxy inherits. */
async function fileLimit(): Promise<number> {
  const text = await readFile('/proc/self/limits', 'utf8').catch(() => '')
  const soft = /^Max open files\s+(\d+)/m.exec(text)?.[1]
  return soft === undefined ? 10_240 : Number(soft)
}
