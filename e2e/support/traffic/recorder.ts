import { spread } from '../stats.ts'
import {
  type ClientStats,
  type Failure,
  NO_RELEASE,
  type ReleaseStats,
  type TrafficStats,
  type Window,
} from './traffic.ts'

export interface Answer {
  readonly client: string
  /** Method and path. */
  readonly request: string
  /** From `clock()`. */
  readonly begunAt: number
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}

export interface Missing {
  readonly client: string
  readonly request: string
  readonly begunAt: number
  readonly error: unknown
}

/** Unix milliseconds that never jump. */
export function clock(): number {
  return performance.timeOrigin + performance.now()
}

interface Success {
  readonly begunAt: number
  readonly endedAt: number
  readonly client: string
  readonly release: string
}

interface Failed extends Success {
  readonly detail: Failure | null
}

/** Counts what happened; figures are made when somebody asks. */
export class Recorder {
  readonly #keepFailures: number
  readonly #keepOfClient: number
  readonly #successes: Success[] = []
  readonly #failed: Failed[] = []
  readonly #statuses = new Map<string, number>()
  readonly #streams = { opened: 0, endedCleanly: 0, cut: 0, messages: 0 }
  #skipped = 0
  #repeated = 0
  #details = 0
  readonly #detailsOf = new Map<string, number>()

  constructor(keepFailures: number, keepOfClient = keepFailures) {
    this.#keepFailures = keepFailures
    this.#keepOfClient = keepOfClient
  }

  /** An answer that came to its end; from 400 on it is a failure unless the caller expected it. */
  answered(answer: Answer, expected: readonly number[] = []): void {
    const { client, request, begunAt, status, headers } = answer
    const key = String(status)
    this.#statuses.set(key, (this.#statuses.get(key) ?? 0) + 1)
    const release = text(headers['x-sluice-release']) ?? text(headers['x-app-version'])
    if (status < 400 || expected.includes(status)) {
      this.#successes.push({ begunAt, endedAt: clock(), client, release: release ?? NO_RELEASE })
    } else {
      this.#fail({ client, request, begunAt }, release, {
        status,
        error: null,
        edgeError: text(headers['x-sluice-error']),
      })
    }
  }

  /** No answer, or one that was cut. */
  missed(missing: Missing): void {
    this.#fail(missing, null, { status: null, error: describe(missing.error), edgeError: null })
  }

  opened(): void {
    this.#streams.opened++
  }

  message(): void {
    this.#streams.messages++
  }

  /** A stream that ended with a goodbye. */
  endedCleanly(): void {
    this.#streams.endedCleanly++
  }

  /** A stream that broke off: a failure. */
  cut(missing: Missing): void {
    this.#streams.cut++
    this.missed(missing)
  }

  skip(): void {
    this.#skipped++
  }

  /** A request that the server said it had not begun was sent again. */
  repeat(): void {
    this.#repeated++
  }

  stats({ from = Number.NEGATIVE_INFINITY, until = Number.POSITIVE_INFINITY }: Window = {}): TrafficStats {
    const inside = (one: Success) => one.begunAt >= from && one.begunAt <= until
    const successes = this.#successes.filter(inside)
    const failed = this.#failed.filter(inside)
    const names = new Set([...successes, ...failed].map((one) => one.client))
    const all = [...successes, ...failed]
    return {
      ...figures(successes, failed),
      from: all.reduce((least, one) => Math.min(least, one.begunAt), clock()),
      until: Math.min(clock(), until),
      failures: failed.flatMap((one) => (one.detail === null ? [] : [one.detail])),
      releases: byRelease(successes, failed),
      clients: Object.fromEntries(
        [...names].map((name) => {
          const mine = (one: Success) => one.client === name
          return [name, figures(successes.filter(mine), failed.filter(mine))] as const
        }),
      ),
      streams: { ...this.#streams },
      statuses: Object.fromEntries(this.#statuses),
      skipped: this.#skipped,
      repeated: this.#repeated,
    }
  }

  #fail(
    { client, request, begunAt }: Omit<Missing, 'error'>,
    release: string | null,
    cause: Pick<Failure, 'status' | 'error' | 'edgeError'>,
  ): void {
    const endedAt = clock()
    const detail = {
      at: new Date(endedAt).toISOString(),
      client,
      request,
      afterMs: Math.round(endedAt - begunAt),
      release,
      ...cause,
    }
    const ofClient = this.#detailsOf.get(client) ?? 0
    // One kind of client that fails all the time must not hide why another one does.
    const keep = this.#details < this.#keepFailures && ofClient < this.#keepOfClient
    if (keep) {
      this.#details++
      this.#detailsOf.set(client, ofClient + 1)
    }
    this.#failed.push({ begunAt, endedAt, client, release: release ?? NO_RELEASE, detail: keep ? detail : null })
  }
}

function figures(successes: readonly Success[], failed: readonly Success[]): ClientStats {
  const { p50, p99, p999, max } = spread(successes.map((one) => one.endedAt - one.begunAt))
  return {
    requests: successes.length + failed.length,
    failed: failed.length,
    latencyMs: { p50, p99, p999, max },
    longestGap: longestGap(successes),
  }
}

/** Successes were recorded in the order in which they ended. */
function longestGap(successes: readonly Success[]): { ms: number; at: number } {
  let longest = { ms: 0, at: successes[0]?.endedAt ?? 0 }
  let before = successes[0]?.endedAt ?? 0
  for (const { endedAt } of successes) {
    if (endedAt - before > longest.ms) longest = { ms: endedAt - before, at: before }
    before = endedAt
  }
  return longest
}

function byRelease(successes: readonly Success[], failed: readonly Success[]): Record<string, ReleaseStats> {
  const releases = new Map<string, ReleaseStats>()
  const add = (one: Success, failures: number) => {
    const seen = releases.get(one.release)
    releases.set(one.release, {
      requests: (seen?.requests ?? 0) + 1,
      failed: (seen?.failed ?? 0) + failures,
      firstAt: Math.min(seen?.firstAt ?? one.endedAt, one.endedAt),
      lastAt: Math.max(seen?.lastAt ?? one.endedAt, one.endedAt),
      lastBegunAt: Math.max(seen?.lastBegunAt ?? one.begunAt, one.begunAt),
    })
  }
  for (const one of successes) add(one, 0)
  for (const one of failed) add(one, 1)
  return Object.fromEntries(releases)
}

function text(value: string | string[] | undefined): string | null {
  return (Array.isArray(value) ? value[0] : value) ?? null
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const code = 'code' in error ? `${String(error.code)}: ` : ''
  return `${code}${error.message || (error.cause instanceof Error ? error.cause.message : error.name)}`
}
