import { isRecord, type Path, pathText } from '../path.ts'
import type { Place } from './outcome.ts'

/** Nothing in a configuration is nested nearly as deep; what is would exhaust the stack of those who read it. */
const MAX_DEPTH = 100

/**
 * Everything that a JSON document cannot hold. Keys that are undefined are left out, but where a value is usually taken
 * from the shell and `environment` would miss it: there it is told instead of silently replaced by a default.
 */
export function unserializable(value: unknown, environment?: string): readonly Place[] {
  const places: Place[] = []
  const above = new Set<unknown>()
  const visit = (current: unknown, path: Path): void => {
    if (path.length > MAX_DEPTH) {
      places.push({ path: pathText(path.slice(0, 3)), what: `nested more than ${MAX_DEPTH} levels deep` })
      return
    }
    const isMissed = current === undefined && isTakenFromShell(path, environment)
    const what = above.has(current) ? 'a reference to something that contains it' : obstacle(current, isMissed)
    if (what !== null) {
      places.push({ path: pathText(path), what })
      return
    }
    if (typeof current !== 'object' || current === null) return
    above.add(current)
    const children = Array.isArray(current) ? [...current.entries()] : Object.entries(current)
    for (const [key, child] of children) visit(child, [...path, key])
    above.delete(current)
  }
  visit(value, [])
  return places
}

function isTakenFromShell(path: Path, environment: string | undefined): boolean {
  if (path[0] === 'environments' && path[1] !== environment) return false
  return path.at(-2) === 'env' || (path.at(-2) === 'database' && path.at(-1) === 'url')
}

function obstacle(value: unknown, isMissed: boolean): string | null {
  switch (typeof value) {
    case 'undefined':
      return isMissed ? 'undefined: is the variable that it is taken from set?' : null
    case 'function':
      return 'a function'
    case 'symbol':
      return 'a symbol'
    case 'bigint':
      return 'a bigint'
    case 'number':
      return Number.isFinite(value) ? null : String(value)
    case 'object':
      return value === null || Array.isArray(value) || isPlain(value) ? null : `a ${nameOf(value)}`
    default:
      return null
  }
}

function isPlain(value: object): boolean {
  if (!isRecord(value)) return false
  // Objects of another realm, such as a module's own namespace, are as plain as ours.
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

function nameOf(value: object): string {
  const { constructor } = value
  return typeof constructor === 'function' && constructor.name !== '' ? constructor.name : 'special object'
}
