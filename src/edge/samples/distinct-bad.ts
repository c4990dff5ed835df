const WINDOW_SECONDS = 30
const MAX_KEYS = 50_000

/** Counts one bad event per (visitor, route, 30 s), so that a client that retries is one event and not ten. */
export interface DistinctBad {
  /** True when the event counts. Events without a visitor always do. */
  isNew(second: number, visitor: string | null, route: string): boolean
}

export function distinctBad(): DistinctBad {
  // Insertion order is time order, as a key is removed before it is counted again.
  const counted = new Map<string, number>()
  return {
    isNew(second, visitor, route) {
      if (visitor === null) return true
      const key = `${visitor} ${route}`
      const last = counted.get(key)
      if (last !== undefined && second - last < WINDOW_SECONDS) return false
      counted.delete(key)
      counted.set(key, second)
      for (const [oldest, at] of counted) {
        if (second - at < WINDOW_SECONDS && counted.size <= MAX_KEYS) break
        counted.delete(oldest)
      }
      return true
    },
  }
}
