import { expect, test } from 'vitest'
import type { Edge } from '../edge/edge.ts'
import { silentLog } from '../support/log.ts'
import { keepEdge } from './edge-keeper.ts'

const log = silentLog

test('who stops the edge can wait for a start that is under way: nothing comes up afterwards', async () => {
  const stopping = new AbortController()
  const dead = { inspect: () => Promise.reject(new Error('no answer')) } as unknown as Edge
  const begun = Promise.withResolvers<void>()
  const goOn = Promise.withResolvers<void>()
  let isUp = false
  const keeping = keepEdge({
    edge: dead,
    start: async () => {
      begun.resolve()
      await goOn.promise
      isUp = true
      return { close: async () => {} } as Edge
    },
    log,
    onRestart: async () => {},
    signal: stopping.signal,
  })
  await begun.promise
  stopping.abort()
  let isOver = false
  void keeping.then(() => (isOver = true))
  await new Promise((go) => setImmediate(go))
  expect(isOver).toBe(false)
  goOn.resolve()
  await keeping
  expect(isUp).toBe(true)
})
