/**
 * Failures that sit on one instance are no proof against a release: that instance is replaced before the second look.
 * A fleet of one cannot tell the two apart, so its only instance is always replaced.
 */
const MOST_OF_ALL = 0.8

export function suspectInstances(badByInstance: Readonly<Record<string, number>>, live: readonly string[]): string[] {
  if (live.length === 1) return [...live]
  let total = 0
  let worst: string | null = null
  for (const id of live) {
    const bad = badByInstance[id] ?? 0
    total += bad
    if (worst === null || bad > (badByInstance[worst] ?? 0)) worst = id
  }
  const most = worst === null ? 0 : (badByInstance[worst] ?? 0)
  return worst !== null && most >= 2 && most >= MOST_OF_ALL * total ? [worst] : []
}
