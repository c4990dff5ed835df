import type { Log } from '../support/log.ts'
import { messageOf } from '../support/message-of.ts'
import type { ClusterEvent } from './cluster.ts'

/** What happens to a PostgreSQL server, as lines of the control plane's log. */
export function clusterEvents(name: string, log: Log): (event: ClusterEvent) => void {
  return (event) => {
    switch (event.type) {
      case 'exited':
        return log.warn(`${name} (process ${event.pid}) is gone: starting it again`)
      case 'restarted':
        return log.info(`${name} runs again (process ${event.pid})`)
      case 'restart-failed':
        return log.error(`${name} could not be started: ${messageOf(event.error)}; next try in ${event.retryMs} ms`)
      default:
        return event satisfies never
    }
  }
}
