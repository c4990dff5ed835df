import type { SampleBatch } from '../../targets/target.ts'
import type { EngineContext } from '../context.ts'
import { patienceWith } from '../patience.ts'

/**
 * Everything that the router knows of an environment by now, at once. One that does not answer in time is judged without
 * its past.
 */
export async function knownSamples(
  context: { readonly targets: Pick<EngineContext['targets'], 'of'> },
  environment: string,
): Promise<SampleBatch | null> {
  const target = context.targets.of(environment)
  const signal = AbortSignal.timeout(patienceWith(target.capabilities).readMs)
  for await (const batch of target.witness.samples({ signal })) return batch
  return null
}
