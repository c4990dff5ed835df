import { isAbsolute } from 'node:path'
import { type Problem, SluiceError } from '../model/error.ts'
import type { TrafficSplit } from '../model/traffic-split.ts'
import type { RoutedRelease, RoutedService, RouteTable } from './edge.ts'
import { normalPath } from './route-index.ts'

export type Tables = ReadonlyMap<string, RouteTable>

/**
 * Throws unless the table may replace the one of its environment among all that are in force: `FENCED`,
 * `EDGE_REFUSED_TABLE` (with all problems), `ROUTE_CONFLICT`. It changes nothing.
 */
export function assertApplicable(next: RouteTable, inForce: Tables): void {
  assertFence(next, inForce.get(next.environment))
  const problems = tableProblems(next)
  if (problems.length > 0) {
    throw new SluiceError('EDGE_REFUSED_TABLE', `the route table of ${String(next.environment)} is impossible`, {
      problems,
    })
  }
  const union = new Map(inForce).set(next.environment, next)
  const conflicts = routeConflicts([...union.values()])
  if (conflicts.length > 0) {
    throw new SluiceError('ROUTE_CONFLICT', `the routes of ${next.environment} collide: ${conflicts[0]?.message}`, {
      hint: 'give one of them another host, path or port',
      problems: conflicts,
    })
  }
}

function assertFence(next: RouteTable, current: RouteTable | undefined): void {
  if (current === undefined || next.fence >= current.fence) return
  throw new SluiceError(
    'FENCED',
    `the edge serves ${next.environment} by fence ${current.fence}; a table of fence ${next.fence} comes too late`,
    { hint: 'a newer deployment has taken over', details: { fence: current.fence } },
  )
}

/** What is wrong with one table taken alone. */
function tableProblems(table: RouteTable): Problem[] {
  const problems: Problem[] = []
  const expectThat = (fine: boolean, path: string, message: string) => {
    if (!fine) problems.push({ path, message })
  }
  if (typeof table !== 'object' || table === null || !Array.isArray(table.releases) || !Array.isArray(table.assets)) {
    return [{ path: '', message: 'is not a route table' }]
  }
  expectThat(isName(table.environment), 'environment', 'must be a name')
  expectThat(Number.isSafeInteger(table.fence) && table.fence >= 0, 'fence', 'must be a whole number')
  const { http, https } = table.listeners
  expectThat(http === null || isPort(http), 'listeners.http', 'must be a port')
  expectThat(https === null || isPort(https), 'listeners.https', 'must be a port')
  expectThat(https === null || table.certificates.length > 0, 'certificates', 'https needs at least one certificate')
  expectThat(!table.listeners.redirectToHttps || https !== null, 'listeners.redirectToHttps', 'needs a port for https')
  problems.push(...splitProblems(table))
  table.releases.forEach((release, index) => problems.push(...releaseProblems(release, `releases[${index}]`)))
  table.assets.forEach((assets, index) => {
    expectThat(assets.path?.startsWith('/'), `assets[${index}].path`, 'must begin with /')
    expectThat(isAbsolute(assets.directory ?? ''), `assets[${index}].directory`, 'must be absolute')
  })
  return problems
}

function splitProblems({ split, releases }: RouteTable): Problem[] {
  const known = new Set(releases.map((release) => release.release))
  const problems: Problem[] = []
  if (known.size !== releases.length) problems.push({ path: 'releases', message: 'one release is named twice' })
  for (const side of ['base', 'candidate'] as const) {
    const release = split[side]
    if (release !== null && !known.has(release)) {
      problems.push({ path: `split.${side}`, message: `${release} is not among the releases of the table` })
    }
  }
  if (!(split.weight >= 0 && split.weight <= 1)) problems.push({ path: 'split.weight', message: 'must be from 0 to 1' })
  if (split.weight > 0 && split.candidate === null) {
    problems.push({ path: 'split.weight', message: 'a weight needs a candidate' })
  }
  return problems
}

function releaseProblems(release: RoutedRelease, path: string): Problem[] {
  const problems: Problem[] = []
  if (!isName(release.release)) problems.push({ path: `${path}.release`, message: 'must be a name' })
  const names = new Set<string>()
  const routes = new Set<string>()
  const instances = new Set<string>()
  release.services.forEach((service, index) => {
    const at = `${path}.services[${index}]`
    if (names.has(service.service)) problems.push({ path: at, message: `service ${service.service} is named twice` })
    names.add(service.service)
    problems.push(...serviceProblems(service, at))
    for (const route of service.routes) {
      const key = routeKey(route)
      if (routes.has(key))
        problems.push({ path: `${at}.routes`, message: `${key} leads to two services of one release` })
      routes.add(key)
    }
    for (const instance of service.instances) {
      if (instances.has(instance.id))
        problems.push({ path: `${at}.instances`, message: `${instance.id} is named twice` })
      instances.add(instance.id)
    }
  })
  return problems
}

function serviceProblems(service: RoutedService, at: string): Problem[] {
  const problems: Problem[] = []
  if (!isName(service.service)) problems.push({ path: `${at}.service`, message: 'must be a name' })
  if (service.kind === 'static' && !isAbsolute(service.root ?? '')) {
    problems.push({ path: `${at}.root`, message: 'a static service needs an absolute folder' })
  }
  if (service.internalPort !== undefined && !isPort(service.internalPort)) {
    problems.push({ path: `${at}.internalPort`, message: 'must be a port' })
  }
  service.routes.forEach((route, index) => {
    if (!route.path.startsWith('/'))
      problems.push({ path: `${at}.routes[${index}].path`, message: 'must begin with /' })
    if (route.host !== undefined && !/^[a-z0-9._-]+$/.test(route.host)) {
      problems.push({
        path: `${at}.routes[${index}].host`,
        message: 'must be a host name in lower case without a port',
      })
    }
  })
  service.instances.forEach((instance, index) => {
    if (!isName(instance.id)) problems.push({ path: `${at}.instances[${index}].id`, message: 'must be a name' })
    if (!isPort(instance.port)) problems.push({ path: `${at}.instances[${index}].port`, message: 'must be a port' })
  })
  return problems
}

/** What cannot be true of all environments at once: two owners of a route, or of a port. */
function routeConflicts(tables: readonly RouteTable[]): Problem[] {
  const problems: Problem[] = []
  const routes = new Map<string, string>()
  const ports = new Map<number, { readonly use: string; readonly environment: string }>()
  const claimPort = (port: number, use: string, environment: string, path: string) => {
    const claimed = ports.get(port)
    if (claimed === undefined) ports.set(port, { use, environment })
    else if (claimed.use !== use || !(use === 'http' || use === 'https')) {
      problems.push({ path, message: `port ${port} is ${claimed.use} of ${claimed.environment} already` })
    }
  }
  for (const table of tables) {
    const { http, https } = table.listeners
    if (http !== null) claimPort(http, 'http', table.environment, 'listeners.http')
    if (https !== null) claimPort(https, 'https', table.environment, 'listeners.https')
    const listeners = [http, https].filter((port) => port !== null)
    for (const { release, services } of table.releases) {
      for (const { service, internalPort } of services) {
        if (internalPort === undefined) continue
        claimPort(internalPort, `internal port of ${release} ${service}`, table.environment, 'releases.internalPort')
      }
    }
    for (const key of routeKeys(table)) {
      for (const port of listeners) {
        const owner = routes.get(`${port} ${key}`)
        if (owner === undefined) routes.set(`${port} ${key}`, table.environment)
        else if (owner !== table.environment) {
          problems.push({ path: `${table.environment}.routes`, message: `${key} on port ${port} belongs to ${owner}` })
        }
      }
    }
  }
  return problems
}

/** Distinct routes of all releases of a table: what the environment answers for on its listeners. */
function routeKeys(table: RouteTable): Set<string> {
  return new Set(
    table.releases.flatMap((release) => release.services.flatMap((service) => service.routes.map(routeKey))),
  )
}

function routeKey(route: { readonly host?: string; readonly path: string }): string {
  return `${route.host ?? '*'}${normalPath(route.path)}`
}

/** The release that a weight counts for: the candidate's share, and 0 when there is none. */
export function weightOf(split: TrafficSplit): number {
  return split.candidate === null ? 0 : split.weight
}

function isPort(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) > 0 && Number(value) < 65536
}

function isName(value: unknown): boolean {
  return typeof value === 'string' && /^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/.test(value)
}
