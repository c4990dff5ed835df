// Entry of the process that holds the clients (see isolated.ts).
import type { Order, Report } from './isolated.ts'
import { startHere } from './start.ts'
import type { Traffic } from './traffic.ts'

let traffic: Traffic | undefined
const report = (value: Report, then: () => void = () => {}) => process.send?.(value, then)

process.on('message', (order: Order) => {
  void obey(order)
})
// The caller is gone: nobody wants the figures any more.
process.on('disconnect', () => process.exit(0))
// Ctrl-C goes to the whole group; the caller decides when the traffic ends.
process.on('SIGINT', () => {})

async function obey(order: Order): Promise<void> {
  if (order.kind === 'start') {
    traffic = startHere(order.options)
    report({ kind: 'started' })
  } else if (traffic !== undefined) {
    const stats = order.kind === 'stop' ? await traffic.stop() : await traffic.stats(order.window)
    report({ kind: 'stats', id: order.id, stats }, () => {
      if (order.kind === 'stop') process.exit(0)
    })
  }
}
