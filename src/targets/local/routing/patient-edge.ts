import type { CallOptions, Edge } from '../../../edge/edge.ts'
import { isSluiceError } from '../../../model/error.ts'
import { sleep } from '../../../support/clock.ts'

/** An edge that died is started again by the control plane within seconds, also on a busy machine; a deployment outlives that. */
const PATIENCE_MS = 15_000
const PAUSE_MS = 50

/** The same edge, asked again while it is unreachable. Every call is set-to, so asking twice changes nothing. */
export function patientEdge(edge: Edge, patienceMs = PATIENCE_MS): Edge {
  const patiently = async <Value>(options: CallOptions | undefined, call: () => Promise<Value>): Promise<Value> => {
    const until = performance.now() + Math.min(patienceMs, options?.deadlineMs ?? patienceMs)
    for (;;) {
      try {
        return await call()
      } catch (error) {
        const isAway = isSluiceError(error) && error.code === 'EDGE_UNREACHABLE'
        if (!isAway || performance.now() + PAUSE_MS > until) throw error
        await sleep(PAUSE_MS, options?.signal)
      }
    }
  }
  return {
    capabilities: edge.capabilities,
    apply: (table, options) => patiently(options, () => edge.apply(table, options)),
    inspect: (options) => patiently(options, () => edge.inspect(options)),
    samples: (query, options) => patiently(options, () => edge.samples(query, options)),
    drain: (target, options) => patiently(options, () => edge.drain(target, options)),
    hold: (order, options) => patiently(options, () => edge.hold(order, options)),
    close: (options) => edge.close(options),
  }
}
