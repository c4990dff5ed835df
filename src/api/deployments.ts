import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { SluiceError } from '../model/error.ts'
import type { ApiEnv } from './guard.ts'
import type { ApiOptions } from './options.ts'
import { invalid, jsonAnswer, jsonBody, notFound, refusals, router } from './router.ts'
import { environmentParam, idempotencyHeader, idParam, pageOf, pageQuery, viewParam } from './schemas/common.ts'
import { deployRequestSchema } from './schemas/deploy-request.ts'
import {
  deploymentSchema,
  deploymentSummarySchema,
  promotionSchema,
  rollbackCheckSchema,
} from './schemas/deployment.ts'

const tags = ['deployments']

const deploy = createRoute({
  method: 'post',
  path: '/deployments',
  tags,
  summary: 'Deploy: starts and answers at once; follow it on /events',
  request: { headers: idempotencyHeader, ...jsonBody(deployRequestSchema) },
  responses: { 201: jsonAnswer(deploymentSchema, 'The deployment, queued or under way'), ...invalid, ...refusals },
})

const list = createRoute({
  method: 'get',
  path: '/deployments',
  tags,
  summary: 'Deployments, newest first',
  request: { query: pageQuery.extend({ view: viewParam }) },
  responses: {
    200: jsonAnswer(z.union([pageOf(deploymentSchema), pageOf(deploymentSummarySchema)]), 'One page'),
    ...invalid,
    ...refusals,
  },
})

const get = createRoute({
  method: 'get',
  path: '/deployments/{id}',
  tags,
  summary: 'One deployment with its steps, verdict and reason',
  request: { params: idParam },
  responses: { 200: jsonAnswer(deploymentSchema, 'The deployment'), ...notFound, ...refusals },
})

const cancel = createRoute({
  method: 'post',
  path: '/deployments/{id}/cancel',
  tags,
  summary: 'Ask a deployment to take everything back',
  request: { params: idParam },
  responses: { 200: jsonAnswer(deploymentSchema, 'The deployment'), ...notFound, ...refusals },
})

const answer = createRoute({
  method: 'post',
  path: '/deployments/{id}/answer',
  tags,
  summary: 'Answer the open question of a deployment',
  request: {
    params: idParam,
    ...jsonBody(z.strictObject({ answer: z.string().min(1).max(64) })),
  },
  responses: { 200: jsonAnswer(deploymentSchema, 'The deployment'), ...notFound, ...refusals },
})

const dossier = createRoute({
  method: 'get',
  path: '/deployments/{id}/dossier',
  tags,
  summary:
    'What a judgement rested on, second by second, and its policy, to judge again offline; the last one by default',
  request: { params: idParam, query: z.object({ phase: z.enum(['shift', 'bake']).optional() }) },
  responses: { 200: jsonAnswer(z.looseObject({}), 'The dossier'), ...notFound, ...refusals },
})

const rollback = createRoute({
  method: 'post',
  path: '/rollbacks',
  tags,
  summary: 'Go back to a release; never blocked',
  request: {
    headers: idempotencyHeader,
    ...jsonBody(
      z.strictObject({
        environment: z.string().min(1).max(200),
        release: z.string().min(1).max(64).exactOptional(),
        reason: z.string().max(2000).exactOptional(),
      }),
    ),
  },
  responses: { 201: jsonAnswer(deploymentSchema, 'A deployment of kind rollback'), ...invalid, ...refusals },
})

const checkRollback = createRoute({
  method: 'get',
  path: '/environments/{environment}/rollback-check',
  tags,
  summary: 'Say beforehand whether a rollback would work; touches nothing',
  request: { params: environmentParam, query: z.object({ release: z.string().min(1).max(64).optional() }) },
  responses: { 200: jsonAnswer(rollbackCheckSchema, 'What was found'), ...notFound, ...refusals },
})

const promote = createRoute({
  method: 'post',
  path: '/environments/{environment}/promote',
  tags,
  summary: 'End what remains of the wait of a canary or a bake, and say what is unknown then',
  request: { params: environmentParam },
  responses: { 200: jsonAnswer(promotionSchema, 'The deployment that goes on'), ...notFound, ...refusals },
})

export function deploymentRoutes({ engine, dossier: findDossier }: ApiOptions): OpenAPIHono<ApiEnv> {
  const { deployments, environments } = engine
  const app = router()
  app.openapi(deploy, async (c) => {
    const key = c.req.valid('header')['idempotency-key']
    const request = { ...c.req.valid('json'), ...(key === undefined ? {} : { idempotencyKey: key }) }
    return c.json(await deployments.deploy(c.get('actor'), request, c.req.raw.signal), 201)
  })
  app.openapi(list, async (c) => {
    const { environment, cursor, limit, view } = c.req.valid('query')
    const query = {
      limit,
      ...(cursor === undefined ? {} : { cursor }),
      ...(environment === undefined ? {} : { environment: await environments.keyOf(environment) }),
    }
    return c.json(view === 'summary' ? await deployments.summaries(query) : await deployments.list(query), 200)
  })
  app.openapi(get, async (c) => c.json(await deployments.get(c.req.valid('param').id), 200))
  app.openapi(cancel, async (c) => {
    return c.json(await deployments.cancel(c.get('actor'), c.req.valid('param').id), 200)
  })
  app.openapi(answer, async (c) => {
    const { answer: given } = c.req.valid('json')
    return c.json(await deployments.answer(c.get('actor'), c.req.valid('param').id, given), 200)
  })
  app.openapi(promote, async (c) => {
    return c.json(await deployments.promote(c.get('actor'), c.req.valid('param').environment), 200)
  })
  app.openapi(dossier, async (c) => {
    const { id } = await deployments.get(c.req.valid('param').id)
    const found = (await findDossier?.(id, c.req.valid('query').phase)) ?? null
    if (found !== null) return c.json(found, 200)
    throw new SluiceError('NOT_FOUND', `no samples of a judgement are kept for ${id}`, {
      hint: 'only a deployment that replaces a release is judged: while its traffic shifts, and during its bake',
    })
  })
  app.openapi(rollback, async (c) => {
    const key = c.req.valid('header')['idempotency-key']
    const request = { ...c.req.valid('json'), ...(key === undefined ? {} : { idempotencyKey: key }) }
    return c.json(await deployments.rollback(c.get('actor'), request), 201)
  })
  app.openapi(checkRollback, async (c) => {
    const { environment } = c.req.valid('param')
    return c.json(await deployments.checkRollback(environment, c.req.valid('query').release), 200)
  })
  return app
}
