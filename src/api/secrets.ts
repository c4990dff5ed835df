import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { ApiEnv } from './guard.ts'
import type { ApiOptions } from './options.ts'
import { invalid, jsonAnswer, jsonBody, notFound, refusals, router } from './router.ts'
import { environmentParam, listOf } from './schemas/common.ts'
import { secretSchema } from './schemas/environment.ts'

const tags = ['secrets']
const MAX_VALUE = 64 * 1024
const params = environmentParam.extend({ name: z.string().min(1).max(128) })

const list = createRoute({
  method: 'get',
  path: '/environments/{environment}/secrets',
  tags,
  summary: 'Names and versions; values never leave',
  request: { params: environmentParam },
  responses: { 200: jsonAnswer(z.object({ items: listOf(secretSchema) }), 'All of them'), ...notFound, ...refusals },
})

const set = createRoute({
  method: 'put',
  path: '/environments/{environment}/secrets/{name}',
  tags,
  summary: 'Store a new version, in force from the next release on',
  request: { params, ...jsonBody(z.strictObject({ value: z.string().max(MAX_VALUE) })) },
  responses: { 200: jsonAnswer(secretSchema, 'Its new version'), ...invalid, ...refusals },
})

const remove = createRoute({
  method: 'delete',
  path: '/environments/{environment}/secrets/{name}',
  tags,
  summary: 'The next release goes without it',
  request: { params },
  responses: { 204: { description: 'It is gone' }, ...notFound, ...refusals },
})

export function secretRoutes({ engine: { secrets } }: ApiOptions): OpenAPIHono<ApiEnv> {
  const app = router()
  app.openapi(list, async (c) => {
    return c.json({ items: await secrets.list(c.req.valid('param').environment) }, 200)
  })
  app.openapi(set, async (c) => {
    const { environment, name } = c.req.valid('param')
    return c.json(await secrets.set(c.get('actor'), environment, name, c.req.valid('json').value), 200)
  })
  app.openapi(remove, async (c) => {
    const { environment, name } = c.req.valid('param')
    await secrets.remove(c.get('actor'), environment, name)
    return c.body(null, 204)
  })
  return app
}
