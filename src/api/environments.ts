import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { ApiEnv } from './guard.ts'
import type { ApiOptions } from './options.ts'
import { invalid, jsonAnswer, jsonBody, notFound, refusals, router } from './router.ts'
import { environmentParam, listOf, viewParam } from './schemas/common.ts'
import { environmentSchema, environmentSummarySchema, holdModes, samplesSchema } from './schemas/environment.ts'

const tags = ['environments']

const list = createRoute({
  method: 'get',
  path: '/environments',
  tags,
  summary: 'Every environment as it is now',
  request: { query: z.object({ view: viewParam }) },
  responses: {
    200: jsonAnswer(
      z.object({ items: z.union([listOf(environmentSchema), listOf(environmentSummarySchema)]) }),
      'All of them; a summary is given without a look at what runs',
    ),
    ...invalid,
    ...refusals,
  },
})

const get = createRoute({
  method: 'get',
  path: '/environments/{environment}',
  tags,
  summary: 'One environment: release, fleets, addresses, deployment',
  request: { params: environmentParam },
  responses: { 200: jsonAnswer(environmentSchema, 'The environment'), ...notFound, ...refusals },
})

const samples = createRoute({
  method: 'get',
  path: '/environments/{environment}/samples',
  tags,
  summary: 'What happened to requests, second by second',
  request: { params: environmentParam, query: z.object({ after: z.string().max(200).optional() }) },
  responses: { 200: jsonAnswer(samplesSchema, 'Increments after the cursor'), ...notFound, ...refusals },
})

const hold = createRoute({
  method: 'put',
  path: '/environments/{environment}/hold',
  tags,
  summary: 'Make requests wait, show a maintenance page, or serve',
  request: {
    params: environmentParam,
    ...jsonBody(z.strictObject({ mode: z.enum(holdModes), service: z.string().min(1).max(64).exactOptional() })),
  },
  responses: { 204: { description: 'The edge does so' }, ...notFound, ...refusals },
})

export function environmentRoutes({ engine: { environments } }: ApiOptions): OpenAPIHono<ApiEnv> {
  const app = router()
  app.openapi(list, async (c) => {
    const { view } = c.req.valid('query')
    return c.json({ items: view === 'summary' ? await environments.summaries() : await environments.list() }, 200)
  })
  app.openapi(get, async (c) => c.json(await environments.get(c.req.valid('param').environment), 200))
  app.openapi(samples, async (c) => {
    const { environment } = c.req.valid('param')
    return c.json(await environments.samples(environment, c.req.valid('query').after), 200)
  })
  app.openapi(hold, async (c) => {
    const { mode, service } = c.req.valid('json')
    await environments.hold(c.get('actor'), c.req.valid('param').environment, mode, service)
    return c.body(null, 204)
  })
  return app
}
