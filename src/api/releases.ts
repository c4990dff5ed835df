import { createRoute, type OpenAPIHono } from '@hono/zod-openapi'
import type { ApiEnv } from './guard.ts'
import type { ApiOptions } from './options.ts'
import { invalid, jsonAnswer, notFound, refusals, router } from './router.ts'
import { idParam, pageOf, pageQuery } from './schemas/common.ts'
import { releaseSchema } from './schemas/release.ts'

const tags = ['releases']

const list = createRoute({
  method: 'get',
  path: '/releases',
  tags,
  summary: 'Releases, newest first',
  request: { query: pageQuery },
  responses: { 200: jsonAnswer(pageOf(releaseSchema), 'One page'), ...invalid, ...refusals },
})

const get = createRoute({
  method: 'get',
  path: '/releases/{id}',
  tags,
  summary: 'The immutable record of a release, and where it stands',
  request: { params: idParam },
  responses: { 200: jsonAnswer(releaseSchema, 'The release'), ...notFound, ...refusals },
})

export function releaseRoutes({ engine }: ApiOptions): OpenAPIHono<ApiEnv> {
  const app = router()
  app.openapi(list, async (c) => {
    const { environment, cursor, limit } = c.req.valid('query')
    const page = await engine.releases.list({
      limit,
      ...(cursor === undefined ? {} : { cursor }),
      ...(environment === undefined ? {} : { environment: await engine.environments.keyOf(environment) }),
    })
    return c.json(page, 200)
  })
  app.openapi(get, async (c) => c.json(await engine.releases.get(c.req.valid('param').id), 200))
  return app
}
