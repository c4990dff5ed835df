import type { Waiter } from '../core.ts'

/** Requests that wait for an instance, in the order they came. */
export class WaitingRoom {
  readonly #byEnvironment = new Map<string, Set<Waiter>>()

  /** False when the environment's queue is full. */
  add(waiter: Waiter): boolean {
    let waiting = this.#byEnvironment.get(waiter.environmentName)
    if (waiting === undefined) {
      waiting = new Set()
      this.#byEnvironment.set(waiter.environmentName, waiting)
    }
    if (waiting.size >= waiter.limits.holdQueue) return false
    waiting.add(waiter)
    return true
  }

  remove(waiter: Waiter): void {
    this.#byEnvironment.get(waiter.environmentName)?.delete(waiter)
  }

  /** Something has changed: all of them try again, and those that still find nothing come back. */
  wake(environment: string): void {
    const waiting = this.#byEnvironment.get(environment)
    if (waiting === undefined || waiting.size === 0) return
    this.#byEnvironment.delete(environment)
    for (const waiter of waiting) waiter.resume()
  }

  check(nowMs: number): void {
    for (const waiting of this.#byEnvironment.values()) {
      for (const waiter of waiting) {
        if (nowMs - waiter.waitingSinceMs <= waiter.limits.holdMs) continue
        waiting.delete(waiter)
        waiter.giveUp()
      }
    }
  }
}
