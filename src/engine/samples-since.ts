import { SluiceError } from '../model/error.ts'
import type { SampleBatch, Target } from '../targets/target.ts'
import { patienceWith } from './patience.ts'

/**
 * What a place knows after the cursor (null: everything) by now, at once. Throws `DEADLINE_EXCEEDED` where it does not answer
 * in the time that it needs for it, and the reason of the signal.
 */
export async function samplesSince(
  target: Pick<Target, 'capabilities' | 'witness'>,
  after: string | null,
  signal?: AbortSignal,
): Promise<SampleBatch> {
  const { readMs } = patienceWith(target.capabilities)
  const late = AbortSignal.timeout(readMs)
  const ended = new AbortController()
  const given = signal === undefined ? late : AbortSignal.any([signal, late])
  const query = { signal: AbortSignal.any([given, ended.signal]), ...(after === null ? {} : { after }) }
  const batches = target.witness.samples(query)[Symbol.asyncIterator]()
  // Also of a witness that heeds no signal.
  const aborted = new Promise<null>((resolve) => {
    given.addEventListener('abort', () => resolve(null), { once: true, signal: ended.signal })
  })
  try {
    const first = await Promise.race([batches.next(), aborted])
    signal?.throwIfAborted()
    if (first !== null && first.done !== true) return first.value
    throw new SluiceError('DEADLINE_EXCEEDED', `no samples were told within ${readMs / 1000} s`, {
      hint: 'look at `sluice status` and the log of the control plane',
    })
  } finally {
    ended.abort()
  }
}
