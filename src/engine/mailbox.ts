import { type Actor, actorWords } from '../model/actor.ts'
import { isSluiceError, SluiceError } from '../model/error.ts'
import type { Database } from '../store/database.ts'
import { insertMessage, listMessages, type Message, type MessageKind } from '../store/messages.ts'

/** `now`: the work is aborted. `at-safe-point`: it is asked, and has a grace to stop where it may be stopped. */
export type Interrupt = 'now' | 'at-safe-point'

/** What is asked to stop at a safe point and does not is stopped all the same. */
const SAFE_POINT_GRACE_MS = 60_000

export interface Told {
  /** A message wants the work to end. */
  readonly asked: AbortSignal
  /** From then until the work is aborted, where it may stop at a safe point. */
  readonly graceMs: number
  /** The work may end early, as if it were done. */
  readonly ended: AbortSignal
}

/** Messages to running deployments: kept in the database, delivered at once to whoever waits in this process. */
export class Mailbox {
  readonly #database: Database
  readonly #interrupt: Interrupt
  readonly #graceMs: number
  readonly #waiting: Map<string, Set<() => void>>

  constructor(
    database: Database,
    interrupt: Interrupt = 'now',
    graceMs = SAFE_POINT_GRACE_MS,
    waiting = new Map<string, Set<() => void>>(),
  ) {
    this.#database = database
    this.#interrupt = interrupt
    this.#graceMs = graceMs
    this.#waiting = waiting
  }

  /** The same mailbox, whose messages interrupt in another way. */
  reaching(interrupt: Interrupt, graceMs = this.#graceMs): Mailbox {
    return new Mailbox(this.#database, interrupt, graceMs, this.#waiting)
  }

  async send(deployment: string, kind: MessageKind, actor: Actor, data: Record<string, unknown> = {}): Promise<void> {
    await insertMessage(this.#database, deployment, { kind, by: actorWords(actor), data: { ...data, actor } })
    for (const wake of this.#waiting.get(deployment) ?? []) wake()
  }

  read(deployment: string): Promise<Message[]> {
    return listMessages(this.#database, deployment)
  }

  /** Calls back for every message there is and every one that comes, in order, until stopped. */
  watch(deployment: string, onMessage: (message: Message) => void): () => void {
    let seen = 0
    let isStopped = false
    let reading: Promise<void> = Promise.resolve()
    const read = () => {
      reading = reading.then(async () => {
        for (const message of await this.read(deployment)) {
          if (message.id <= seen || isStopped) continue
          seen = message.id
          onMessage(message)
        }
      })
      // An outage of the database: the messages are read again when it is back.
      reading = reading.catch(() => {
        if (!isStopped) setTimeout(read, 500).unref()
      })
    }
    const listeners = this.#waiting.get(deployment) ?? new Set()
    this.#waiting.set(deployment, listeners.add(read))
    read()
    return () => {
      isStopped = true
      listeners.delete(read)
      if (listeners.size === 0) this.#waiting.delete(deployment)
    }
  }

  /**
   * Runs the body with a signal that a message may abort: the reason is what the message means for the deployment. At a safe
   * point `asked` tells of the message, and the signal comes only when the grace is over. Answers and promotions are for the
   * body alone.
   */
  async heed<Value>(
    deployment: string,
    body: (signal: AbortSignal, told: Told) => Promise<Value>,
    onMessage: (message: Message) => void = () => {},
  ): Promise<Value> {
    const [asked, interrupted, ended] = [new AbortController(), new AbortController(), new AbortController()]
    let grace: NodeJS.Timeout | undefined
    const interrupt = (reason: SluiceError) => {
      asked.abort(reason)
      if (this.#interrupt === 'now') interrupted.abort(reason)
      else grace ??= setTimeout(() => interrupted.abort(reason), this.#graceMs)
    }
    const stop = this.watch(deployment, (message) => {
      if (message.kind === 'end-bake') ended.abort()
      else if (message.kind === 'answer' || message.kind === 'promote') onMessage(message)
      else interrupt(meaningOf(message))
    })
    const told = { asked: asked.signal, ended: ended.signal, graceMs: this.#graceMs }
    try {
      return await body(interrupted.signal, told)
    } catch (error) {
      throw asked.signal.aborted ? explainedBy(error, asked.signal.reason) : error
    } finally {
      clearTimeout(grace)
      stop()
    }
  }
}

/** What was interrupted may say more of the same: how it stopped. */
function explainedBy(error: unknown, reason: SluiceError): unknown {
  return isSluiceError(error) && error.code === reason.code ? error : reason
}

function meaningOf(message: Message): SluiceError {
  const details = { by: message.by, ...message.data }
  switch (message.kind) {
    case 'cancel':
      return new SluiceError('CANCELLED', `cancelled by ${message.by}`, { details })
    case 'roll-back':
      return new SluiceError('ROLLED_BACK', `rolled back by ${message.by}`, { details: { ...details, byPerson: true } })
    default:
      return new SluiceError(
        'SUPERSEDED',
        `superseded by the newer deployment ${JSON.stringify(message.data.deployment)}`,
        {
          hint: 'nothing to do: the newer deployment goes on',
          details,
        },
      )
  }
}
