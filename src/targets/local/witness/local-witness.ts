import type { Edge } from '../../../edge/edge.ts'
import type { ReleaseRecord } from '../../../model/release.ts'
import type { Log } from '../../../support/log.ts'
import type { Answer, CallOptions, Question, Whom, Witness } from '../../target.ts'
import { targetLogs } from '../logs/target-logs.ts'
import type { RunState, Runtime } from '../processes/runtime.ts'
import { urlsOfService } from '../routing/public-urls.ts'
import { askLoopback } from './ask.ts'
import { targetSamples } from './target-samples.ts'

/** What users of one environment see: through the edge, and of instances themselves. */
export function localWitness(
  environment: string,
  parts: {
    readonly edge: Edge
    readonly runtime: Runtime
    readonly log: Log
    readonly untilClosed: <Query extends { readonly signal: AbortSignal }>(query: Query) => Query
  },
): Witness {
  const { edge, runtime, log, untilClosed } = parts
  return {
    samples: (query) => targetSamples(edge, environment, untilClosed(query), log),
    logs: (query) => targetLogs(runtime, environment, untilClosed(query)),
    ask: (whom, question, options) =>
      whom.route === 'public'
        ? askPublicly(whom.release, question, options)
        : askInstance(runtime, whom, question, options),
  }
}

async function askPublicly(release: ReleaseRecord, question: Question, options: CallOptions): Promise<Answer> {
  const [url] = urlsOfService(release, question.service)
  if (url === undefined) return noAnswer(`${question.service} has no public address`)
  const { protocol, hostname, port, pathname } = new URL(url)
  const scheme = protocol === 'https:' ? 'https' : 'http'
  const answer = await askLoopback(
    {
      scheme,
      port: port === '' ? (scheme === 'https' ? 443 : 80) : Number(port),
      host: port === '' ? hostname : `${hostname}:${port}`,
      path: isBelow(question.path, pathname) ? question.path : pathname,
      userAgent: 'sluice-evidence',
    },
    options,
  )
  if (answer.status === null) return answer
  return { ...answer, detail: `${answer.status} from ${answer.release ?? 'the router'}` }
}

async function askInstance(
  runtime: Runtime,
  whom: Extract<Whom, { route: 'preview' }>,
  question: Question,
  options: CallOptions,
): Promise<Answer> {
  const { release, instance } = whom
  const isAsked = (run: RunState) =>
    run.alive &&
    run.port !== undefined &&
    run.environment === release.environment &&
    run.release === release.id &&
    run.service === question.service &&
    (instance === undefined || run.id === instance)
  const run = (await runtime.list()).find(isAsked)
  if (run?.port === undefined) return noAnswer(`${instance ?? question.service} does not run`)
  const host = `127.0.0.1:${run.port}`
  const answer = await askLoopback(
    { scheme: 'http', port: run.port, host, path: question.path, userAgent: 'sluice-probe' },
    options,
  )
  return answer.status === null ? answer : { ...answer, release: release.id }
}

function noAnswer(detail: string): Answer {
  return { status: null, release: null, detail }
}

/** A service behind the route `/api` is asked there: any other path leads elsewhere. */
function isBelow(path: string, prefix: string): boolean {
  return prefix === '/' || path === prefix || path.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`)
}
