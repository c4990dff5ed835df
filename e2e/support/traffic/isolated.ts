import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Traffic, TrafficOptions, TrafficStats, Window } from './traffic.ts'

/** What travels between the caller and the process with the clients. */
export type Order =
  | { readonly kind: 'start'; readonly options: Omit<TrafficOptions, 'signal'> }
  | { readonly kind: 'stats'; readonly id: number; readonly window: Window | undefined }
  | { readonly kind: 'stop'; readonly id: number }

export type Report =
  | { readonly kind: 'started' }
  | { readonly kind: 'stats'; readonly id: number; readonly stats: TrafficStats }

/** The same clients in a process of their own; it ends with this one. */
export async function startIsolated({ signal, ...options }: TrafficOptions): Promise<Traffic> {
  const child = fork(join(import.meta.dirname, 'process.ts'), { serialization: 'advanced' })
  const waiting = new Map<number, { resolve: (stats: TrafficStats) => void; reject: (error: Error) => void }>()
  let orders = 0
  child.on('message', (report: Report) => {
    if (report.kind !== 'stats') return
    waiting.get(report.id)?.resolve(report.stats)
    waiting.delete(report.id)
  })
  const gone = once(child, 'exit').then(([code]) => {
    const error = new Error(`the traffic process ended (${String(code)})`)
    for (const { reject } of waiting.values()) reject(error)
    waiting.clear()
  })
  const ask = (order: (id: number) => Order) =>
    new Promise<TrafficStats>((resolve, reject) => {
      const id = ++orders
      waiting.set(id, { resolve, reject })
      child.send(order(id), (error) => {
        if (error) reject(error)
      })
    })
  const started = new Promise<void>((resolve, reject) => {
    child.once('message', () => resolve())
    child.once('exit', () => reject(new Error('the traffic process did not start')))
  })
  child.send({ kind: 'start', options } satisfies Order)
  await started

  const askToStop = async () => {
    const stats = await ask((id) => ({ kind: 'stop', id }))
    await gone
    return stats
  }
  let stopped: Promise<TrafficStats> | undefined
  const stop = () => {
    stopped ??= askToStop()
    return stopped
  }
  signal?.addEventListener('abort', () => void stop().catch(() => {}), { once: true })
  return {
    stats: (window) => stopped ?? ask((id) => ({ kind: 'stats', id, window })),
    stop,
  }
}
