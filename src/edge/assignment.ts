import { randomFillSync } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { TrafficSplit } from '../model/traffic-split.ts'

export const VISITOR_COOKIE = 'sluice-visitor'
export const RELEASE_HEADER = 'x-sluice-release'
export const PREVIEW_KEY_HEADER = 'x-sluice-preview-key'
export const ERROR_HEADER = 'x-sluice-error'

/** Weights are threshold comparisons in steps of this, so a rising weight only ever moves visitors forward. */
export const WEIGHT_STEPS = 10_000
const COOKIE_MAX_AGE_SECONDS = 30 * 24 * 3600

/** Number under which a visitor's hash must be to belong to the candidate. */
export function thresholdOf(split: TrafficSplit): number {
  return split.candidate === null ? 0 : Math.round(split.weight * WEIGHT_STEPS)
}

/** Place of a visitor on the scale of `WEIGHT_STEPS`; the salt makes it another one in each deployment. */
export function hashOf(visitor: string, salt: string): number {
  return crc32(visitor + salt) % WEIGHT_STEPS
}

export function isForCandidate(visitor: string, split: TrafficSplit): boolean {
  const threshold = thresholdOf(split)
  if (threshold <= 0) return false
  return threshold >= WEIGHT_STEPS || hashOf(visitor, split.salt) < threshold
}

/** Fresh ids of 16 random hex digits; random bytes are drawn in bulk, a call per request would cost more than the hash. */
export function visitorIds(): () => string {
  const pool = Buffer.alloc(8 * 512)
  let next = pool.length
  return () => {
    if (next >= pool.length) {
      randomFillSync(pool)
      next = 0
    }
    next += 8
    return pool.toString('hex', next - 8, next)
  }
}

/** The id that a request brings, null when it brings none or something else than an id of ours. */
export function visitorOf(cookieHeader: string | undefined): string | null {
  if (cookieHeader === undefined) return null
  let from = cookieHeader.indexOf(`${VISITOR_COOKIE}=`)
  while (from >= 0) {
    const before = from === 0 ? ';' : cookieHeader[from - 1]
    if (before === ';' || before === ' ') {
      const start = from + VISITOR_COOKIE.length + 1
      const end = cookieHeader.indexOf(';', start)
      const value = cookieHeader.slice(start, end < 0 ? undefined : end).trim()
      if (/^[0-9a-f]{16}$/.test(value)) return value
    }
    from = cookieHeader.indexOf(`${VISITOR_COOKIE}=`, from + 1)
  }
  return null
}

/** Only page loads get a cookie: an API client would never send it back, an asset may be cached with it. */
export function isPageLoad(request: {
  readonly method: string
  readonly secFetchMode: string | undefined
  readonly accept: string | undefined
}): boolean {
  if (request.method !== 'GET') return false
  if (request.secFetchMode !== undefined) return request.secFetchMode === 'navigate'
  return request.accept?.includes('text/html') ?? false
}

export function visitorCookie(visitor: string, options: { readonly secure: boolean }): string {
  const attributes = `Path=/; Max-Age=${COOKIE_MAX_AGE_SECONDS}; HttpOnly; SameSite=Lax`
  return `${VISITOR_COOKIE}=${visitor}; ${attributes}${options.secure ? '; Secure' : ''}`
}
