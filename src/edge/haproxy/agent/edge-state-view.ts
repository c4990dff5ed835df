import { heldServices } from '../../../model/holds.ts'
import type { EdgeEnvironment, EdgeInstance, HoldOrder, RouteTable } from '../../edge.ts'
import { nameOf, type PlaneReading } from '../data-plane/data-plane.ts'
import { backendOf, type Pool } from '../pool.ts'
import type { Row } from '../program/runtime-socket.ts'
import type { Traffic } from '../samples/traffic.ts'

export interface StateView {
  readonly tables: ReadonlyMap<string, RouteTable>
  readonly holds: readonly HoldOrder[]
  readonly draining: ReadonlySet<string>
  readonly reading: PlaneReading
  readonly pool: Pool
  readonly traffic: Traffic
}

/** What is known of every environment: the tables, and what HAProxy has seen of each instance. */
export function edgeStateOf(view: StateView): EdgeEnvironment[] {
  const rows = new Map(view.reading.servers.map((row) => [nameOf(row), row]))
  return [...view.tables.values()].map((table) => ({
    environment: table.environment,
    fence: table.fence,
    split: table.split,
    hold: holdsOf(view.holds, table),
    instances: table.releases.flatMap(({ release, services }) =>
      services.flatMap(({ service, instances }) => {
        const backend = backendOf(view.pool, { environment: table.environment, release, service })
        return instances.map(({ id }) => {
          const slot = backend?.slots.find(({ instance }) => instance?.id === id)
          const row = slot === undefined ? undefined : rows.get(`${backend?.name}/${slot.name}`)
          return instanceOf({ view, environment: table.environment, release, service, id, row })
        })
      }),
    ),
  }))
}

/** Requests and upgraded connections on slots, in all workers. */
export function inFlightOn(
  reading: PlaneReading,
  slots: readonly { readonly backend: string; readonly slot: string }[],
): number {
  const names = new Set(slots.map(({ backend, slot }) => `${backend}/${slot}`))
  let sum = 0
  for (const row of reading.servers) if (names.has(nameOf(row))) sum += Number(row['scur'])
  for (const name of names) sum += reading.inFlightElsewhere.get(name) ?? 0
  return sum
}

/** Those among them that are streams: never more than there are, as the two counts are not of the same moment. */
export function streamsOn(
  reading: PlaneReading,
  slots: readonly { readonly backend: string; readonly slot: string }[],
): number {
  let sum = 0
  for (const slot of slots) {
    const streams = reading.streams.get(`${slot.backend}/${slot.slot}`) ?? 0
    sum += Math.min(streams, inFlightOn(reading, [slot]))
  }
  return sum
}

function instanceOf(options: {
  readonly view: StateView
  readonly environment: string
  readonly release: string
  readonly service: string
  readonly id: string
  readonly row: Row | undefined
}): EdgeInstance {
  const { view, environment, release, service, id, row } = options
  const seen = view.traffic.instance(environment, id)
  const name = row === undefined ? '' : nameOf(row)
  const inFlight = Number(row?.['scur'] ?? 0) + (view.reading.inFlightElsewhere.get(name) ?? 0)
  return {
    id,
    release,
    service,
    healthy: isHealthy(row),
    lastCheck: lastCheckOf(row, view.reading.atMs),
    inFlight,
    requests: seen.completed + inFlight,
    lastRequestAt: seen.lastRequestAtMs === null ? null : new Date(seen.lastRequestAtMs).toISOString(),
    draining: view.draining.has(`${environment} ${id}`),
  }
}

function isHealthy(row: Row | undefined): boolean {
  const status = row?.['status'] ?? ''
  if (status.startsWith('UP')) return true
  return status.startsWith('DRAIN') && /OK/.test(row?.['check_status'] ?? '')
}

/** HAProxy tells the result of the last check, not its time: it is as fresh as the interval of the checks. */
function lastCheckOf(row: Row | undefined, atMs: number): EdgeInstance['lastCheck'] {
  const status = (row?.['check_status'] ?? '').replace('* ', '')
  if (status === '' || status === 'INI' || status === 'UNK') return null
  const code = row?.['check_code'] ?? ''
  const detail = [status, code, row?.['last_chk'] || row?.['check_desc'] || ''].filter((part) => part !== '').join(' ')
  return { at: new Date(atMs).toISOString(), ok: /^L[4567]OKC?$/.test(status), detail }
}

function holdsOf(holds: readonly HoldOrder[], table: RouteTable): EdgeEnvironment['hold'] {
  const services = table.releases.flatMap((release) => release.services.map(({ service }) => service))
  const own = holds.filter(({ environment }) => environment === table.environment)
  return heldServices(own, services)
}
