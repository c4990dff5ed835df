import type { Route } from '../model/release.ts'

/** Finds what a request is for: the exact host first, then any host; among those the longest prefix by whole segments. */
export interface RouteIndex<T> {
  /** `host` as in the header, `path` as in the request line; a query may follow it. */
  match(host: string | undefined, path: string): T | null
}

export interface RouteEntry<T> {
  readonly route: Route
  readonly target: T
}

interface Prefix<T> {
  readonly path: string
  readonly target: T
}

export function routeIndex<T>(entries: Iterable<RouteEntry<T>>): RouteIndex<T> {
  const anyHost: Prefix<T>[] = []
  const hosts = new Map<string, Prefix<T>[]>()
  for (const { route, target } of entries) {
    const prefix = { path: normalPath(route.path), target }
    if (route.host === undefined) anyHost.push(prefix)
    else hosts.set(route.host, [...(hosts.get(route.host) ?? []), prefix])
  }
  for (const prefixes of [anyHost, ...hosts.values()]) prefixes.sort((a, b) => b.path.length - a.path.length)
  return {
    match(host, path) {
      if (hosts.size > 0 && host !== undefined) {
        const prefixes = hosts.get(host) ?? hosts.get(normalHost(host))
        const found = prefixes === undefined ? null : longest(prefixes, path)
        if (found !== null) return found
      }
      return longest(anyHost, path)
    },
  }
}

function longest<T>(prefixes: readonly Prefix<T>[], path: string): T | null {
  for (const prefix of prefixes) if (isBelow(prefix.path, path)) return prefix.target
  return null
}

/** `/api` holds `/api`, `/api/x` and `/api?x`, not `/apix`. */
export function isBelow(prefix: string, path: string): boolean {
  if (prefix === '/') return true
  if (!path.startsWith(prefix)) return false
  const next = path.charCodeAt(prefix.length)
  return Number.isNaN(next) || next === 0x2f || next === 0x3f
}

/** Lower case, without port and without the dot of a fully qualified name. */
export function normalHost(host: string): string {
  const bare = host.startsWith('[') ? host.slice(0, host.indexOf(']') + 1) : (host.split(':', 1)[0] ?? '')
  return (bare.endsWith('.') ? bare.slice(0, -1) : bare).toLowerCase()
}

/** Without the slash at the end, so that `/api/` and `/api` are one route. */
export function normalPath(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.replace(/\/+$/, '') || '/' : path
}
