import { request } from 'undici'
import { SluiceError } from '../model/error.ts'
import type { ReleaseRecord } from '../model/release.ts'
import { messageOf } from '../support/message-of.ts'
import type { EngineContext } from './context.ts'

const SEEN_MS = 15_000

/**
 * Success means the release was seen answering on the public route: by real users, or by a request of ours.
 * An API call that returned OK is not evidence. Answers what was seen.
 */
export async function seenAnswering(
  context: EngineContext,
  release: ReleaseRecord,
  signal: AbortSignal,
): Promise<string> {
  const routed = release.services.find((service) => service.kind === 'web' || service.kind === 'static')
  if (routed === undefined) return 'no public route'
  const deadlineMs = context.clock.monotonicMs() + SEEN_MS
  let last = 'no answer'
  while (context.clock.monotonicMs() < deadlineMs) {
    signal.throwIfAborted()
    const state = await context.target.inspect(release.environment)
    const requests = state.traffic[release.id]?.requests ?? 0
    if (requests > 0) return `${requests} requests seen on the public route`
    const url = state.urls[0]
    if (url === undefined) return 'no public address'
    last = await askPublicRoute(url, routed.health.path ?? '/', release.id, signal)
    if (last === '') return `${url} answers from ${release.id}`
    await new Promise((resolve) => setTimeout(resolve, 50))
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
async function askPublicRoute(url: string, path: string, release: string, signal: AbortSignal): Promise<string> {
  const { protocol, hostname, port } = new URL(url)
  try {
    // The address may be a name that only users' resolvers know: we ask the listener itself and name the host.
    const response = await request(`${protocol}//127.0.0.1:${port || (protocol === 'https:' ? 443 : 80)}${path}`, {
      headers: { host: port ? `${hostname}:${port}` : hostname, 'user-agent': 'sluice-evidence' },
      signal: AbortSignal.any([signal, AbortSignal.timeout(5000)]),
      headersTimeout: 5000,
    })
    await response.body.dump()
    const seen = response.headers['x-sluice-release']
    return seen === release ? '' : `${response.statusCode} from ${seen === undefined ? 'the edge' : String(seen)}`
  } catch (error) {
    signal.throwIfAborted()
    return messageOf(error)
  }
}
