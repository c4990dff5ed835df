import { type Actor, actorWords } from '../model/actor.ts'
import { SluiceError } from '../model/error.ts'
import type { Database } from '../store/database.ts'
import { insertMessage, listMessages, type Message, type MessageKind } from '../store/messages.ts'

/** Messages to running deployments: kept in the database, delivered at once to whoever waits in this process. */
export class Mailbox {
  readonly #database: Database
  readonly #waiting = new Map<string, Set<() => void>>()

  constructor(database: Database) {
    this.#database = database
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
   * Runs the body with a signal that a message may abort: the reason is what the message means for the deployment.
   * `end` messages end the body's work early without an error: the body sees them as its second argument.
   */
  async heed<Value>(
    deployment: string,
    body: (signal: AbortSignal, ended: AbortSignal) => Promise<Value>,
    onAnswer: (message: Message) => void = () => {},
  ): Promise<Value> {
    const interrupted = new AbortController()
    const ended = new AbortController()
    const stop = this.watch(deployment, (message) => {
      if (message.kind === 'end-bake') ended.abort()
      else if (message.kind === 'answer') onAnswer(message)
      else interrupted.abort(meaningOf(message))
    })
    try {
      return await body(interrupted.signal, ended.signal)
    } catch (error) {
      throw interrupted.signal.aborted ? interrupted.signal.reason : error
    } finally {
      stop()
    }
  }
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
