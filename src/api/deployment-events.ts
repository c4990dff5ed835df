import { setTimeout as delay } from 'node:timers/promises'
import type { Deployment, Engine } from '../engine/engine.ts'
import type { Event } from '../model/event.ts'
import { sseFrame } from './sse.ts'

export interface FollowQuery {
  readonly deployment: string
  readonly after: number | 'now'
  readonly signal: AbortSignal
  /** How often a silent deployment is looked at. */
  readonly idleMs: number
}

/**
 * The events of one deployment and, once it has its outcome, a closing event with the whole of it. The state is looked
 * at in silence as well: the reader may have seen the last event already, and a crash may have swallowed it.
 */
export async function* deploymentFrames(engine: Engine, query: FollowQuery): AsyncGenerator<string> {
  const { deployment, after, signal, idleMs } = query
  const events = engine.events.stream({ after, deployment, signal })[Symbol.asyncIterator]()
  let next = events.next()
  let endedLooks = 0
  // Already over: what is left to replay comes without a pause.
  let waitMs = (await engine.deployments.get(deployment)).running ? idleMs : Math.min(idleMs, 200)
  while (!signal.aborted) {
    const result = await nextOrIdle(next, waitMs)
    if (result === 'idle') {
      const view = await engine.deployments.get(deployment)
      endedLooks = view.running ? 0 : endedLooks + 1
      if (view.finishedAt !== null || endedLooks > 1) return yield endFrame(view)
      waitMs = idleMs
      continue
    }
    if (result.done === true) return
    yield eventFrame(result.value)
    if (result.value.type === 'deployment.finished') {
      return yield endFrame(await engine.deployments.get(deployment))
    }
    next = events.next()
  }
}

export function eventFrame(event: Event): string {
  return sseFrame(event, { id: event.sequence })
}

function endFrame(deployment: Deployment): string {
  return sseFrame({ deployment }, { event: 'end' })
}

async function nextOrIdle<Value>(next: Promise<Value>, idleMs: number): Promise<Value | 'idle'> {
  const timer = new AbortController()
  try {
    return await Promise.race([next, delay(idleMs, 'idle' as const, { signal: timer.signal })])
  } finally {
    timer.abort()
  }
}
