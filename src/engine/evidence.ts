import { SluiceError } from '../model/error.ts'
import type { ReleaseRecord } from '../model/release.ts'
import type { Sample } from '../model/sample.ts'
import type { Target } from '../targets/target.ts'
import type { EngineContext } from './context.ts'
import { knownSamples } from './judgement/known-samples.ts'
import { patienceWith } from './patience.ts'

const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 1000

/**
 * Success means the release was seen answering on the public route since it got its traffic, and not with 5xx: to a
 * request of ours, or to users. An API call that returned OK is not evidence, and neither is a request that only came.
 * Answers what was seen.
 */
export async function seenAnswering(
  context: EngineContext,
  release: ReleaseRecord,
  signal: AbortSignal,
): Promise<string> {
  const routed = release.services.find(({ kind, routes }) => (kind === 'web' || kind === 'static') && routes.length > 0)
  if (routed === undefined) return 'no public route'
  const target = context.targets.of(release.environment)
  const { seenMs } = patienceWith(target.capabilities)
  const since = Math.ceil(context.clock.now().getTime() / 1000)
  const deadlineMs = context.clock.monotonicMs() + seenMs
  let last = 'no answer'
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    last = await askPublicly(target, release, { service: routed.name, path: routed.health.path ?? '/' }, signal)
    if (last === '') return `${target.traffic.urls(release)[0] ?? routed.name} answers from ${release.id}`
    const answered = await answeredSince(context, release, since)
    if (answered > 0) return `${answered} requests answered on the public route`
    if (context.clock.monotonicMs() > deadlineMs) break
    await context.clock.sleep(pauseMs, signal)
  }
  throw new SluiceError(
    'EDGE_UNREACHABLE',
    `the release ${release.id} was not seen answering on its public route: ${last}`,
    {
      hint: 'look at `sluice doctor` and at the edge; the traffic goes back to the release before',
    },
  )
}

/** Empty when the release answered, else what was seen instead. */
async function askPublicly(
  target: Target,
  release: ReleaseRecord,
  question: { readonly service: string; readonly path: string },
  signal: AbortSignal,
): Promise<string> {
  const { askMs } = patienceWith(target.capabilities)
  const answer = await target.witness.ask({ route: 'public', release }, question, { signal, deadlineMs: askMs })
  const isGood = answer.release === release.id && answer.status !== null && answer.status < 500
  return isGood ? '' : answer.detail
}

/** Requests of users that arrived since that second and were answered, not with 5xx. */
async function answeredSince(context: EngineContext, release: ReleaseRecord, since: number): Promise<number> {
  const known = await knownSamples(context, release.environment)
  const own = (known?.samples ?? []).filter((sample) => sample.release === release.id && sample.from >= since)
  return own.reduce((sum, sample) => sum + answeredWell(sample), 0)
}

function answeredWell({ statusClasses }: Sample): number {
  return (statusClasses['2xx'] ?? 0) + (statusClasses['3xx'] ?? 0) + (statusClasses['4xx'] ?? 0)
}
