import type { Sample } from '../../../model/sample.ts'

/** What happened to the users of an environment. */
export interface Tally {
  /** Requests per release that were led there. */
  readonly sent: Record<string, number>
  /** Of those: answered with 5xx by the program. */
  readonly bad: Record<string, number>
  /** Answered by nobody of ours: no task, or one that was gone. For people: where and when. */
  readonly lost: string[]
}

interface Count {
  requests: number
  bad: number
}

/** Counts requests by second, release and task, and tells of them as late and as coarsely as the place does. */
export class Counters {
  readonly tally: Tally = { sent: {}, bad: {}, lost: [] }
  readonly lastRequestMs = new Map<string, number>()
  readonly #windowSeconds: number
  readonly #isPerInstance: boolean
  /** Of each window: counts by release and task. */
  readonly #open = new Map<number, Map<string, Count>>()
  readonly #told: Sample[] = []

  constructor(options: { readonly seconds: number; readonly perInstance: boolean }) {
    this.#windowSeconds = options.seconds
    this.#isPerInstance = options.perInstance
  }

  add(request: { readonly atMs: number; readonly release: string; readonly task: Named; readonly bad: boolean }): void {
    const { atMs, release, task, bad } = request
    this.tally.sent[release] = (this.tally.sent[release] ?? 0) + 1
    if (bad) this.tally.bad[release] = (this.tally.bad[release] ?? 0) + 1
    this.lastRequestMs.set(release, Math.max(atMs, this.lastRequestMs.get(release) ?? 0))
    const seconds = Math.floor(atMs / 1000)
    const window = seconds - (seconds % this.#windowSeconds)
    const counts = this.#open.get(window) ?? new Map<string, Count>()
    const key = JSON.stringify([release, task.service, this.#isPerInstance ? task.id : null])
    const count = counts.get(key) ?? { requests: 0, bad: 0 }
    count.requests++
    if (bad) count.bad++
    this.#open.set(window, counts.set(key, count))
  }

  /** A request that nobody answered. */
  lose(words: string): void {
    this.tally.lost.push(words)
  }

  /** Everything that is known by then, the oldest first. Only more is ever added. */
  knownAt(atMs: number, lagSeconds: number): readonly Sample[] {
    const windows = [...this.#open.keys()].toSorted((a, b) => a - b)
    for (const window of windows) {
      if ((window + this.#windowSeconds + lagSeconds) * 1000 > atMs) break
      for (const [key, count] of this.#open.get(window) ?? []) this.#told.push(this.#sample(window, key, count))
      this.#open.delete(window)
    }
    return this.#told
  }

  #sample(window: number, key: string, { requests, bad }: Count): Sample {
    const [release, service, instance] = JSON.parse(key) as [string, string, string | null]
    return {
      from: window,
      seconds: this.#windowSeconds,
      service,
      release,
      ...(instance === null ? {} : { instance }),
      requests,
      bad,
      statusClasses: { '2xx': requests - bad, '5xx': bad },
    }
  }
}

interface Named {
  readonly id: string
  readonly service: string
}
