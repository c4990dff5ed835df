import type { Sample } from '../../model/sample.ts'
import { findCursor, moveCursor } from '../../store/consumer-cursors.ts'
import type { Database } from '../../store/database.ts'
import { listEnvironments } from '../../store/environments.ts'
import type { Log } from '../../support/log.ts'
import { messageOf } from '../../support/message-of.ts'
import type { SampleConsumer } from './consumer.ts'

/** A look costs a question to each environment's router: seldom, as it remembers at least an hour. */
const EVERY_MS = 60_000

export interface SampleConsumersOptions {
  readonly database: Database
  readonly consumers: readonly SampleConsumer[]
  /** All that is known after the cursor, at once or not at all; it is given up with the signal. */
  readonly read: (
    environment: string,
    after: string | null,
    signal: AbortSignal,
  ) => Promise<{ readonly samples: readonly Sample[]; readonly cursor: string }>
  readonly everyMs?: number
  readonly log: Log
}

/** Gives each consumer what became known of each environment; one that does not answer holds up no other. */
export function startSampleConsumers(options: SampleConsumersOptions): { stop(): Promise<void> } {
  const { database, consumers, everyMs = EVERY_MS, log } = options
  const stopped = new AbortController()
  const looks = new Map<string, Promise<void>>()
  const silent = new Set<string>()

  const look = async (consumer: SampleConsumer, environment: string): Promise<void> => {
    try {
      await takeNews(options, consumer, environment, stopped.signal)
      silent.delete(environment)
    } catch (error) {
      if (stopped.signal.aborted || silent.has(environment)) return
      silent.add(environment)
      log.warn(`${consumer.name} gets no samples of ${environment}: ${messageOf(error)}`)
    }
  }
  const lookAround = async (): Promise<void> => {
    for (const { key } of await listEnvironments(database)) {
      for (const consumer of consumers) {
        const name = `${consumer.name} ${key}`
        if (stopped.signal.aborted || looks.has(name)) continue
        looks.set(
          name,
          look(consumer, key).finally(() => looks.delete(name)),
        )
      }
    }
  }
  const lookIfThereIsADatabase = () =>
    lookAround().catch((error: unknown) => log.warn(`samples are not read: ${messageOf(error)}`))
  const timer = consumers.length === 0 ? undefined : setInterval(() => void lookIfThereIsADatabase(), everyMs).unref()
  const first = consumers.length === 0 ? Promise.resolve() : lookIfThereIsADatabase()
  return {
    stop: async () => {
      stopped.abort()
      clearInterval(timer)
      await first
      await Promise.all(looks.values())
    },
  }
}

async function takeNews(
  { database, read }: SampleConsumersOptions,
  consumer: SampleConsumer,
  environment: string,
  signal: AbortSignal,
): Promise<void> {
  const { name } = consumer
  const from = await findCursor(database, name, environment)
  const { samples, cursor: to } = await read(environment, from, signal)
  if (to === from) return
  await database.transaction().execute(async (transaction) => {
    if (!(await moveCursor(transaction, { consumer: name, source: environment, from, to }))) return
    if (samples.length > 0) await consumer.take({ environment, samples }, transaction)
  })
}
