/**
 * Failures that sit on one instance are no proof against a release. Where the others are enough to tell, that instance alone is
 * replaced and the release goes on; else all traffic is withdrawn, and it is replaced before the second look.
 * Counts are of the recent past: they are halved every 10 s.
 */
export interface Suspects {
  bad: Record<string, number>
  /** Requests of the same time. Absent in states of earlier versions. */
  requests?: Record<string, number>
  halvedAt: number
  /** Instances told to be replaced while the release went on: id → second. Their failures count no more. */
  readonly ejected: Record<string, number>
  /** An instance that was not replaced by then counts again. */
  forgivenSeconds: number
}

const HALF_LIFE_SECONDS = 10
/** An instance that holds at least this share of the failures is suspected. */
const MOST_OF_ALL = 0.8
/**
 * Accepted chance that a bad release's k failures happen to sit on one of m instances: m·qᵏ, where q is its share of their
 * requests. Who has just started had no time to fail, and says little for a neighbour's guilt.
 */
const LOG_CHANCE = Math.log(1000)
/** A release whose instances go bad one after the other is bad itself. */
const MOST_EJECTIONS = 2
const EJECTION_WINDOW_SECONDS = 300
const FORGIVEN_SECONDS = 60

/** `lateSeconds`: how long after their arrival failures may become known. */
export function startSuspects(second: number, lateSeconds = 0): Suspects {
  return { bad: {}, requests: {}, halvedAt: second, ejected: {}, forgivenSeconds: FORGIVEN_SECONDS + lateSeconds }
}

export function addSuspect(suspects: Suspects, instance: string, bad: number, requests: number): void {
  if (bad > 0) suspects.bad[instance] = (suspects.bad[instance] ?? 0) + bad
  suspects.requests ??= {}
  suspects.requests[instance] = (suspects.requests[instance] ?? 0) + requests
}

/** Nobody is suspected of anything any more. */
export function clearSuspects(suspects: Suspects): void {
  suspects.bad = {}
  suspects.requests = {}
}

/** Halves the counts when it is time; true when it was. */
export function fadeSuspects(suspects: Suspects, second: number): boolean {
  if (second - suspects.halvedAt < HALF_LIFE_SECONDS) return false
  suspects.halvedAt = second
  for (const counts of [suspects.bad, suspects.requests ?? {}]) {
    for (const [id, count] of Object.entries(counts)) {
      if (count < 0.5) delete counts[id]
      else counts[id] = count / 2
    }
  }
  for (const [id, at] of Object.entries(suspects.ejected)) {
    if (second - at > EJECTION_WINDOW_SECONDS) delete suspects.ejected[id]
  }
  return true
}

/**
 * Who is to be replaced before a second look: a fresh instance costs nothing while no traffic goes there, so one failure is
 * enough to suspect. A fleet of one cannot tell instance from release: its only one is replaced.
 */
export function suspectInstances(suspects: Suspects, live: readonly string[]): string[] {
  if (live.length === 1) return [...live]
  const { id, bad, all } = worst(suspects, live)
  return id !== null && bad >= 1 && bad >= MOST_OF_ALL * all ? [id] : []
}

/** The one instance that explains an alarm better than the release does; null when none does. */
export function ejectable(suspects: Suspects, live: readonly string[], second: number): string | null {
  const active = live.filter((id) => !isEjected(suspects, id, second))
  if (active.length < 2 || Object.keys(suspects.ejected).length >= MOST_EJECTIONS) return null
  const { id, bad, all } = worst(suspects, active)
  if (id === null || bad < MOST_OF_ALL * all) return null
  const logChance = Math.log(active.length) + bad * Math.log(shareOf(suspects, id, active))
  return logChance <= -LOG_CHANCE ? id : null
}

export function eject(suspects: Suspects, instance: string, second: number): void {
  suspects.ejected[instance] = second
  delete suspects.bad[instance]
  delete suspects.requests?.[instance]
}

/** True for arrivals after the ejection, until the instance is gone or forgiven. */
export function isEjected(suspects: Suspects, instance: string | undefined, second: number): boolean {
  const at = instance === undefined ? undefined : suspects.ejected[instance]
  return at !== undefined && second >= at && second - at <= suspects.forgivenSeconds
}

/** Ejected instances that still live. */
export function pendingEjections(suspects: Suspects, live: readonly string[], second: number): string[] {
  return live.filter((id) => isEjected(suspects, id, second))
}

/** Share of these instances' requests that the one had, a fair one at least. */
function shareOf({ requests = {} }: Suspects, instance: string, active: readonly string[]): number {
  const all = active.reduce((sum, id) => sum + (requests[id] ?? 0), 0)
  const fair = 1 / active.length
  return all === 0 ? fair : Math.max(fair, (requests[instance] ?? 0) / all)
}

function worst(suspects: Suspects, live: readonly string[]): { id: string | null; bad: number; all: number } {
  let id: string | null = null
  let bad = 0
  let all = 0
  for (const candidate of live) {
    const count = suspects.bad[candidate] ?? 0
    all += count
    if (count > bad) {
      bad = count
      id = candidate
    }
  }
  return { id, bad, all }
}
