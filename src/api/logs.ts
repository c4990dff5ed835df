import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { LogLine } from '../targets/target.ts'
import type { ApiEnv } from './guard.ts'
import type { ApiOptions } from './options.ts'
import { pulledStream, streamHeaders } from './pulled-stream.ts'
import { notFound, refusals, router } from './router.ts'
import { environmentParam } from './schemas/common.ts'
import { publicError, SSE_HELLO, SSE_PING, sseFrame } from './sse.ts'

const PING_MS = 15_000
const STALL_MS = 60_000
const lineSchema = z
  .object({ instance: z.string(), service: z.string(), release: z.string(), line: z.string() })
  .meta({ id: 'LogLine' })

const logs = createRoute({
  method: 'get',
  path: '/environments/{environment}/logs',
  tags: ['environments'],
  summary: 'What instances printed: one JSON document per line, or Server-Sent Events where they are accepted',
  request: {
    params: environmentParam,
    query: z.object({
      service: z.string().min(1).max(64).optional(),
      release: z.string().min(1).max(64).optional(),
      tail: z.coerce.number().int().min(0).max(100_000).default(100),
      follow: z.enum(['true', 'false']).default('false'),
    }),
  },
  responses: {
    200: {
      description: 'The lines',
      content: { 'application/x-ndjson': { schema: lineSchema }, 'text/event-stream': { schema: z.string() } },
    },
    ...notFound,
    ...refusals,
  },
})

export function logRoutes({ engine, pingMs = PING_MS, stallMs = STALL_MS }: ApiOptions): OpenAPIHono<ApiEnv> {
  const app = router()
  app.openapi(logs, async (c) => {
    const { service, release, tail, follow } = c.req.valid('query')
    const isSse = (c.req.header('accept') ?? '').includes('text/event-stream')
    const key = await engine.environments.keyOf(c.req.valid('param').environment)
    const lines = (signal: AbortSignal): AsyncIterable<LogLine> =>
      engine.environments.logs({
        environment: key,
        tail,
        follow: follow === 'true',
        signal,
        ...(service === undefined ? {} : { service }),
        ...(release === undefined ? {} : { release }),
      })
    const frame = isSse ? (line: LogLine) => sseFrame(line) : (line: LogLine) => `${JSON.stringify(line)}\n`
    const body = pulledStream((signal) => mapped(lines(signal), frame), {
      signal: c.req.raw.signal,
      // An empty line is no document: readers of ndjson skip it.
      hello: isSse ? SSE_HELLO : '\n',
      ping: isSse ? SSE_PING : '\n',
      pingMs,
      stallMs,
      onError: (error) =>
        isSse
          ? sseFrame(publicError(error), { event: 'problem' })
          : `${JSON.stringify({ problem: publicError(error) })}\n`,
    })
    const type = isSse ? 'text/event-stream' : 'application/x-ndjson'
    return new Response(body, { headers: { 'content-type': type, ...streamHeaders } })
  })
  return app
}

async function* mapped<Value>(source: AsyncIterable<Value>, map: (value: Value) => string): AsyncGenerator<string> {
  for await (const value of source) yield map(value)
}
