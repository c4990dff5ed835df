import { PINNED } from '../configuration/frontend-rules.ts'

/** One request as HAProxy logged it at its end. */
export interface LoggedRequest {
  /** `backend|service|…` as routed; empty when no route was found. */
  readonly route: string
  /** Backend that got it: that of the route, `errors` or a relay. */
  readonly backend: string
  readonly slot: string
  /** Null: no answer. */
  readonly status: number | null
  /** Unix milliseconds. */
  readonly arrivedAtMs: number
  readonly endedAtMs: number
  /** To the end of the response head. */
  readonly latencyMs: number | null
  /** Attempts beyond the first; `redispatched` when another instance got it. */
  readonly retries: number
  readonly redispatched: boolean
  /** Who ended it (`C` client, `S` server, …, `-` nobody early) and in which state. */
  readonly ender: string
  readonly state: string
  /** Number of the request among those of its backend in its worker; null: never assigned. */
  readonly sequence: number | null
  /** Threshold in force at its arrival, of 10,000. */
  readonly threshold: number
  /** Named its release by a preview key, or came by an internal port. */
  readonly pinned: boolean
  readonly visitor: string | null
  readonly error: string | null
  readonly worker: number
  readonly method: string
  readonly path: string
}

/** Null for the lines about state changes that come on the same channel. */
export function parseLogLine(line: string, mark: string): LoggedRequest | null {
  if (!line.startsWith(mark)) return null
  const field = line.split(' ')
  if (field.length < 20) return null
  const at = (index: number) => field[index] ?? ''
  const time = (index: number) => Number(at(index))
  const [headMs, waitMs, connectMs, responseMs] = [time(6), time(7), time(8), time(9)]
  const status = time(4)
  const endedAtMs = time(5)
  const activeMs = Math.max(0, Number(at(10).replace('+', '')))
  const retries = at(11)
  return {
    route: orEmpty(at(1)),
    backend: at(2),
    slot: at(3),
    status: status > 0 ? status : null,
    arrivedAtMs: endedAtMs - activeMs,
    endedAtMs,
    latencyMs: responseMs < 0 ? null : Math.max(0, headMs) + Math.max(0, waitMs) + Math.max(0, connectMs) + responseMs,
    retries: Number(retries.replace('+', '')) || 0,
    redispatched: retries.startsWith('+'),
    ender: at(12)[0] ?? '-',
    state: at(12)[1] ?? '-',
    sequence: at(13) === '-' ? null : Number(at(13)),
    threshold: Number(at(14)) || 0,
    pinned: at(14) === PINNED,
    visitor: at(15) === '-' ? null : at(15),
    error: at(16) === '-' ? null : at(16),
    worker: time(17),
    method: at(18),
    path: at(19),
  }
}

function orEmpty(text: string): string {
  return text === '-' ? '' : text
}
