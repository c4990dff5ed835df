import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { ApiEnv } from './guard.ts'
import type { ApiOptions } from './options.ts'
import { jsonAnswer, jsonBody, refusals, router } from './router.ts'

const tags = ['control']
const controlSchema = z
  .object({ pid: z.int(), version: z.string(), uptimeSeconds: z.number() })
  .meta({ id: 'ControlPlane' })

/** After the answer has left, so that the caller hears of it. */
const SHUTDOWN_AFTER_MS = 50

const info = createRoute({
  method: 'get',
  path: '/control',
  tags,
  summary: 'The control plane itself',
  responses: { 200: jsonAnswer(controlSchema, 'It runs'), ...refusals },
})

const shutdown = createRoute({
  method: 'post',
  path: '/shutdown',
  tags,
  summary: 'Stop the control plane; users are served on, unless `all`',
  request: jsonBody(z.strictObject({ all: z.boolean() })),
  responses: { 202: jsonAnswer(controlSchema, 'It stops now'), ...refusals },
})

export function controlRoutes({ version }: ApiOptions): OpenAPIHono<ApiEnv> {
  const app = router()
  app.openapi(info, (c) => c.json(view(version), 200))
  return app
}

/** What concerns the machine that the control plane runs on. */
export function machineRoutes({ version, onShutdown }: ApiOptions): OpenAPIHono<ApiEnv> {
  const app = router()
  app.openapi(shutdown, (c) => {
    const { all } = c.req.valid('json')
    const actor = c.get('actor')
    setTimeout(() => onShutdown(actor, { all }), SHUTDOWN_AFTER_MS)
    return c.json(view(version), 202)
  })
  return app
}

function view(version: string): z.infer<typeof controlSchema> {
  return { pid: process.pid, version, uptimeSeconds: Math.round(process.uptime()) }
}
