import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { Engine } from '../engine/engine.ts'
import { deploymentFrames, eventFrame } from './deployment-events.ts'
import type { ApiEnv } from './guard.ts'
import type { ApiOptions } from './options.ts'
import { pulledStream, streamHeaders } from './pulled-stream.ts'
import { notFound, refusals, router } from './router.ts'
import { publicError, SSE_HELLO, SSE_PING, sseFrame } from './sse.ts'

const PING_MS = 15_000
const STALL_MS = 60_000
const IDLE_LOOK_MS = 5000

const sequence = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER)
/** Those that come, and none of those that were. */
const NOW = 'now'

const stream = createRoute({
  method: 'get',
  path: '/events',
  tags: ['events'],
  summary: 'State changes as Server-Sent Events: those after the given one, then live ones',
  description:
    'Each event has its sequence number as id. A followed deployment ends the stream with an event named `end` that holds it.',
  request: {
    query: z.object({
      deployment: z.string().min(1).max(64).optional(),
      environment: z.string().min(1).max(200).optional(),
      after: z
        .union([z.literal(NOW), sequence])
        .optional()
        .meta({ description: 'As Last-Event-ID, which wins; `now`: only what comes' }),
    }),
    headers: z.object({ 'last-event-id': sequence.optional() }),
  },
  responses: {
    200: { description: 'The stream', content: { 'text/event-stream': { schema: z.string() } } },
    ...notFound,
    ...refusals,
  },
})

export function eventRoutes(options: ApiOptions): OpenAPIHono<ApiEnv> {
  const { engine, pingMs = PING_MS, stallMs = STALL_MS } = options
  const app = router()
  app.openapi(stream, async (c) => {
    const { deployment, environment, after } = c.req.valid('query')
    const position = c.req.valid('header')['last-event-id'] ?? after ?? 0
    // Unknown names are refused before the stream begins.
    if (deployment !== undefined) await engine.deployments.get(deployment)
    const key = environment === undefined ? undefined : await engine.environments.keyOf(environment)
    const body = pulledStream(
      (signal) =>
        deployment === undefined
          ? allFrames(engine, { after: position, signal, ...(key === undefined ? {} : { environment: key }) })
          : deploymentFrames(engine, { deployment, after: position, signal, idleMs: Math.min(IDLE_LOOK_MS, pingMs) }),
      {
        signal: c.req.raw.signal,
        hello: SSE_HELLO,
        ping: SSE_PING,
        pingMs,
        stallMs,
        onError: (error) => sseFrame(publicError(error), { event: 'problem' }),
      },
    )
    return new Response(body, { headers: { 'content-type': 'text/event-stream', ...streamHeaders } })
  })
  return app
}

async function* allFrames(
  engine: Engine,
  query: { readonly after: number | 'now'; readonly environment?: string; readonly signal: AbortSignal },
): AsyncGenerator<string> {
  for await (const event of engine.events.stream(query)) yield eventFrame(event)
}
