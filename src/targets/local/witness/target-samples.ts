import type { Edge } from '../../../edge/edge.ts'
import { sleep } from '../../../support/clock.ts'
import type { Log } from '../../../support/log.ts'
import type { SampleBatch, SampleStreamQuery } from '../../target.ts'

const POLL_MS = 250
const RETRY_MS = 1000

/** What the edge knows by now, then increments as it learns of them, for ever; an edge that is away is asked again. */
export async function* targetSamples(
  edge: Edge,
  environment: string,
  query: SampleStreamQuery,
  log: Log,
): AsyncIterable<SampleBatch> {
  const { signal } = query
  let { after } = query
  let isAway = false
  let isFirst = true
  while (!signal.aborted) {
    try {
      const batch = await edge.samples(
        { environment, ...(after === undefined ? {} : { after }) },
        { signal, deadlineMs: 5000 },
      )
      after = batch.cursor
      isAway = false
      // The first answer counts also when it is empty: who asks what is known by now does not wait for a visitor.
      if (isFirst || batch.samples.length > 0) yield batch
      isFirst = false
    } catch (error) {
      if (signal.aborted) return
      if (!isAway) log.warn(`no samples of ${environment}: ${String(error)}`)
      isAway = true
    }
    await sleep(isAway ? RETRY_MS : POLL_MS, signal).catch(() => {})
  }
}
