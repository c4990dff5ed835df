import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { ApiEnv } from './guard.ts'
import type { ApiOptions } from './options.ts'
import { jsonAnswer, refusals, router } from './router.ts'
import { listOf, timestamp } from './schemas/common.ts'

const projectSchema = z
  .object({
    name: z.string(),
    directory: z.string().meta({ description: 'Where it was deployed from last, on the control plane’s machine' }),
    repository: z.string().nullable(),
    createdAt: timestamp,
  })
  .meta({ id: 'Project' })

const list = createRoute({
  method: 'get',
  path: '/projects',
  tags: ['projects'],
  summary: 'Every project that was deployed from this machine',
  responses: { 200: jsonAnswer(z.object({ items: listOf(projectSchema) }), 'All of them'), ...refusals },
})

export function projectRoutes({ engine }: ApiOptions): OpenAPIHono<ApiEnv> {
  const app = router()
  app.openapi(list, async (c) => c.json({ items: await engine.projects.list() }, 200))
  return app
}
