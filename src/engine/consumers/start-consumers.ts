import type { EngineContext } from '../context.ts'
import { samplesSince } from '../samples-since.ts'
import type { Consumer } from './consumer.ts'
import { startEventConsumers } from './event-consumers.ts'
import { startSampleConsumers } from './sample-consumers.ts'

/** Sets them all going where each of them was; they end with the control plane. */
export function startConsumers(
  context: Pick<EngineContext, 'database' | 'events' | 'targets' | 'log'>,
  consumers: readonly Consumer[],
): { stop(): Promise<void> } {
  const { database, events, targets, log } = context
  const running = [
    startEventConsumers({
      database,
      events,
      consumers: consumers.filter((consumer) => consumer.from === 'events'),
      log,
    }),
    startSampleConsumers({
      database,
      consumers: consumers.filter((consumer) => consumer.from === 'samples'),
      read: (environment, after, signal) => samplesSince(targets.of(environment), after, signal),
      log,
    }),
  ]
  return {
    stop: async () => {
      await Promise.all(running.map((each) => each.stop()))
    },
  }
}
