import type { SampleBatchOfTarget } from '../../targets/target.ts'
import type { EngineContext } from '../context.ts'

/** An edge that does not answer by then is judged without its past; its supervisor brings it back. */
const READ_MS = 5000

/** Everything that the edge knows of an environment by now, at once. */
export async function knownSamples(
  context: Pick<EngineContext, 'target'>,
  environment: string,
): Promise<SampleBatchOfTarget | null> {
  const signal = AbortSignal.timeout(READ_MS)
  for await (const batch of context.target.samples(environment, { signal })) return batch
  return null
}
