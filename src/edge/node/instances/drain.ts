import { setTimeout as sleep } from 'node:timers/promises'
import type { Drained, DrainTarget } from '../../edge.ts'
import type { Backend, Farewell, Occupation } from './backend.ts'

const POLL_MS = 10
/** Streams are told to go this far apart, so that their clients do not all come back at once. */
const APART_MS = 10
/** One that was told to go and has not gone by now is left to its application. */
const GOODBYE_MS = 3500
/** Events that may have an end of their own are told to go this long before the deadline, at a third of it if that is later. */
const LAST_CALL_MS = 2000

export interface DrainOptions extends Pick<DrainTarget, 'until'> {
  readonly deadlineMs: number
  readonly signal?: AbortSignal
}

/** Waits until nothing but streams, or nothing at all, is in flight on the instances, and tells streams to go meanwhile. */
export async function drainBackends(backends: readonly Backend[], options: DrainOptions): Promise<Drained> {
  const { deadlineMs, until = 'idle', signal } = options
  const startedAt = performance.now()
  for (const backend of backends) {
    // What broke before the drain is none of its business; what breaks between two drains in a row is.
    if (!backend.isDraining) backend.takeBroken()
    backend.isDraining = true
    backend.closeIdle(true)
  }
  const farewells = new Farewells()
  for (;;) {
    const passedMs = performance.now() - startedAt
    const left = backends.flatMap((backend) => backend.occupations.all())
    farewells.say(left, { passedMs, deadlineMs })
    const isLate = passedMs >= deadlineMs
    const isDone = left.length === 0 || (until === 'streams' && (isLate || farewells.areOver(left, passedMs)))
    if (isLate && !isDone) for (const occupation of left) occupation.cut()
    if (isLate || isDone) {
      const broken = backends.reduce((sum, backend) => sum + backend.takeBroken(), 0)
      return { cut: broken + (isDone ? 0 : left.length), left: isDone ? left.length : 0, tookMs: Math.round(passedMs) }
    }
    try {
      await sleep(
        Math.min(POLL_MS, Math.max(1, deadlineMs - passedMs)),
        undefined,
        signal === undefined ? {} : { signal },
      )
    } catch {
      for (const backend of backends) backend.isDraining = false
      throw signal?.reason
    }
  }
}

/** Who was told to go. */
class Farewells {
  /** Milliseconds into the drain; null: there is no way to tell it. */
  readonly #toldAtMs = new Map<Occupation, number | null>()
  readonly #groups: readonly { readonly farewell: Farewell; told: number; most: number }[] = [
    { farewell: 'soon', told: 0, most: 0 },
    { farewell: 'late', told: 0, most: 0 },
  ]

  /** Tells those that are due by now: all of them after some milliseconds for each, and within their limit. */
  say(left: readonly Occupation[], { passedMs, deadlineMs }: { passedMs: number; deadlineMs: number }): void {
    const lateMs = Math.min(deadlineMs / 3, LAST_CALL_MS)
    for (const group of this.#groups) {
      const isSoon = group.farewell === 'soon'
      const sinceMs = isSoon ? passedMs : passedMs - (deadlineMs - lateMs)
      if (sinceMs < 0) continue
      const waiting = left.filter((each) => each.farewell === group.farewell && !this.#toldAtMs.has(each))
      group.most = Math.max(group.most, waiting.length + group.told)
      const withinMs = isSoon ? (deadlineMs * 2) / 3 : lateMs / 2
      const share = Math.min(1, sinceMs / Math.max(1, Math.min(withinMs, group.most * APART_MS)))
      const due = Math.max(1, Math.ceil(group.most * share)) - group.told
      for (const occupation of waiting.slice(0, Math.max(0, due))) {
        group.told++
        this.#toldAtMs.set(occupation, occupation.goAway() ? passedMs : null)
      }
    }
  }

  /** Nothing that is left is going to end without its application's help. */
  areOver(left: readonly Occupation[], passedMs: number): boolean {
    return left.every((occupation) => {
      const toldAtMs = this.#toldAtMs.get(occupation)
      return toldAtMs !== undefined && (toldAtMs === null || passedMs - toldAtMs > GOODBYE_MS)
    })
  }
}
