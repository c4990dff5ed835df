import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { SluiceError } from '../model/error.ts'
import type { Log } from '../support/log.ts'
import { messageOf } from '../support/message-of.ts'

/** Any constant: the same in all control planes of one database. */
const LOCK = 7_203_412
/** A control plane that was killed a moment ago leaves its lock when the server has noticed. */
const LEAVE_MS = 2000
/** One of this very home is known to be dead, however long the server takes to notice. */
const OWN_LEAVE_MS = 30_000
const RETRY_MS = 25
const LOOK_MS = 30_000
const CALL_MS = 10_000
/** So soon (with three looks) the server takes the lock from a machine that is gone. */
const KEEP_ALIVE_SECONDS = 10

export interface ControlPlaneSeat {
  readonly host: string
  readonly pid: number
  readonly home: string
  readonly version: string
}

export interface DatabaseLock {
  release(): Promise<void>
}

export interface DatabaseLockOptions {
  readonly url: string
  readonly seat: ControlPlaneSeat
  readonly log: Log
  /** Another control plane took the lock while the connection was lost: this one must act no more. Called once at most. */
  readonly onTaken: (error: SluiceError) => void
}

/**
 * One control plane per database: a lock of a session of its own, held for its whole life, and a row that says who holds
 * it. Throws `DATABASE_IN_USE` when another one does. A connection that is lost is made again.
 */
export async function lockDatabase(options: DatabaseLockOptions): Promise<DatabaseLock> {
  const lock = new Lock(options)
  await lock.take()
  return lock
}

class Lock implements DatabaseLock {
  readonly #options: DatabaseLockOptions
  /** Tells whether somebody else signed since. */
  readonly #signature = randomUUID()
  readonly #released = new AbortController()
  #session: Session | null = null
  #looking: NodeJS.Timeout | null = null

  constructor(options: DatabaseLockOptions) {
    this.#options = options
  }

  async take(): Promise<void> {
    const session = await Session.open(this.#options.url)
    try {
      const { home, host } = this.#options.seat
      const startMs = performance.now()
      while (!(await session.tryLock())) {
        const holder = await session.holder()
        const isOwn = holder?.home === home && holder.host === host
        if (performance.now() - startMs > (isOwn ? OWN_LEAVE_MS : LEAVE_MS)) throw inUse(holder)
        await sleep(RETRY_MS)
      }
      await session.sign(this.#options.seat, this.#signature)
    } catch (error) {
      await session.end()
      throw error
    }
    this.#hold(session)
  }

  async release(): Promise<void> {
    this.#released.abort()
    if (this.#looking !== null) clearInterval(this.#looking)
    await this.#session?.end()
  }

  #hold(session: Session): void {
    this.#session = session
    session.onLost = () => {
      if (this.#released.signal.aborted || this.#session !== session) return
      this.#session = null
      if (this.#looking !== null) clearInterval(this.#looking)
      this.#options.log.warn('the connection that holds the lock of the database was lost; it is taken again')
      void this.#takeAgain(session.backend)
    }
    this.#looking = setInterval(() => void session.look(), LOOK_MS)
    this.#looking.unref()
  }

  /** As often as it takes; whoever signed in the meantime acts now, and we do not. */
  async #takeAgain(formerBackend: number): Promise<void> {
    const { signal } = this.#released
    const { log, onTaken, url } = this.#options
    let isSilent = false
    while (!signal.aborted) {
      try {
        const session = await Session.open(url)
        const taken = await this.#tryAgain(session, formerBackend).catch(async (error: unknown) => {
          await session.end()
          throw error
        })
        if (taken === 'held' && !signal.aborted) {
          log.info('the lock of the database is held again')
          return this.#hold(session)
        }
        await session.end()
        if (taken instanceof SluiceError) return onTaken(taken)
      } catch (error) {
        if (!signal.aborted && !isSilent) log.info(`the database does not answer yet: ${messageOf(error)}`)
        isSilent = true
      }
      await sleep(500, undefined, { signal }).catch(() => {})
    }
  }

  async #tryAgain(session: Session, formerBackend: number): Promise<'held' | 'later' | SluiceError> {
    if (await session.tryLock()) {
      const holder = await session.holder()
      return holder === null || holder.signature === this.#signature ? 'held' : inUse(holder)
    }
    // Our own former session, which the server still believes in, is no other control plane.
    if (await session.endBackend(formerBackend)) return 'later'
    const holder = await session.holder()
    return inUse(holder?.signature === this.#signature ? null : holder)
  }
}

interface Holder extends ControlPlaneSeat {
  readonly signature: string
  readonly since: Date
}

/** The one connection whose life is the lock's. */
class Session {
  readonly #client: pg.Client
  backend = 0
  onLost: () => void = () => {}

  private constructor(client: pg.Client) {
    this.#client = client
    client.on('error', () => this.onLost())
    client.on('end', () => this.onLost())
  }

  static async open(url: string): Promise<Session> {
    const client = new pg.Client({
      connectionString: url,
      application_name: 'sluice control plane',
      connectionTimeoutMillis: 5000,
      query_timeout: CALL_MS,
      keepAlive: true,
    })
    const session = new Session(client)
    try {
      await session.#prepare()
      return session
    } catch (error) {
      await session.end()
      throw error
    }
  }

  async #prepare(): Promise<void> {
    await this.#client.connect()
    const { rows } = await this.#client.query<{ pid: number }>('select pg_backend_pid() as pid')
    this.backend = rows[0]?.pid ?? 0
    await this.#client.query(
      `select set_config('tcp_keepalives_idle', $1, false), set_config('tcp_keepalives_interval', $1, false), set_config('tcp_keepalives_count', '3', false)`,
      [String(KEEP_ALIVE_SECONDS)],
    )
  }

  async tryLock(): Promise<boolean> {
    const { rows } = await this.#client.query<{ ok: boolean }>('select pg_try_advisory_lock($1) as ok', [LOCK])
    return rows[0]?.ok === true
  }

  /** The table is made here: the lock comes before the migrations. */
  async sign({ host, pid, home, version }: ControlPlaneSeat, signature: string): Promise<void> {
    await this.#client.query(
      `create table if not exists control_plane (
         id boolean primary key default true check (id), signature text not null, host text not null, pid integer not null,
         home text not null, version text not null, since timestamptz not null default now())`,
    )
    await this.#client.query(
      `insert into control_plane (signature, host, pid, home, version) values ($1, $2, $3, $4, $5)
       on conflict (id) do update set signature = $1, host = $2, pid = $3, home = $4, version = $5, since = now()`,
      [signature, host, pid, home, version],
    )
  }

  /** Who signed last; null: nobody yet. */
  async holder(): Promise<Holder | null> {
    const { rows } = await this.#client.query<{ there: boolean }>(
      "select to_regclass('control_plane') is not null as there",
    )
    if (rows[0]?.there !== true) return null
    return (await this.#client.query<Holder>('select * from control_plane')).rows[0] ?? null
  }

  /** Answers whether it was that one which held the lock. */
  async endBackend(backend: number): Promise<boolean> {
    const { rows } = await this.#client.query(
      `select pg_terminate_backend(pid) from pg_locks
       where locktype = 'advisory' and granted and objid = $1 and pid = $2
         and database = (select oid from pg_database where datname = current_database())`,
      [LOCK, backend],
    )
    return rows.length > 0
  }

  /** A connection that is silently gone is noticed. */
  async look(): Promise<void> {
    await this.#client.query('select 1').catch(() => this.onLost())
  }

  async end(): Promise<void> {
    this.onLost = () => {}
    await this.#client.end().catch(() => {})
  }
}

function inUse(holder: Holder | null): SluiceError {
  const who =
    holder === null
      ? 'one that has only begun'
      : `process ${holder.pid} on ${holder.host} for ${holder.home}, since ${holder.since.toISOString()}`
  return new SluiceError('DATABASE_IN_USE', `another control plane serves this database: ${who}`, {
    hint: 'use that one, or stop it there with `sluice down`; a home of its own needs a database of its own in DATABASE_URL',
    details: holder === null ? {} : { host: holder.host, pid: holder.pid, home: holder.home, since: holder.since },
  })
}
