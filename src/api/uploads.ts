import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { SluiceError } from '../model/error.ts'
import type { ApiEnv } from './guard.ts'
import type { ApiOptions } from './options.ts'
import { invalid, jsonAnswer, jsonBody, notFound, refusals, router } from './router.ts'
import { idParam } from './schemas/common.ts'

const tags = ['uploads']
const count = z.int().min(0)
const uploadSchema = z
  .object({
    id: z.string(),
    bytes: count,
    offset: count.meta({ description: 'How many are there: the next piece begins here' }),
    isComplete: z.boolean().meta({ description: 'All are there, and are what was announced' }),
  })
  .meta({ id: 'Upload' })

const begin = createRoute({
  method: 'post',
  path: '/uploads',
  tags,
  summary: 'Announce a folder as one file; what is too large is refused at once',
  request: jsonBody(z.strictObject({ bytes: count, sha256: z.string().regex(/^[0-9a-f]{64}$/, 'must be a SHA-256') })),
  responses: { 201: jsonAnswer(uploadSchema, 'Where to send it'), ...invalid, ...refusals },
})

const get = createRoute({
  method: 'get',
  path: '/uploads/{id}',
  tags,
  summary: 'Where an upload stands',
  request: { params: idParam },
  responses: { 200: jsonAnswer(uploadSchema, 'The upload'), ...notFound, ...refusals },
})

const append = createRoute({
  method: 'patch',
  path: '/uploads/{id}',
  tags,
  summary: 'The next piece; one that breaks off is gone on with where it stands',
  request: {
    params: idParam,
    headers: z.object({ 'upload-offset': z.coerce.number().int().min(0) }),
    body: {
      required: true,
      content: { 'application/octet-stream': { schema: z.string().meta({ format: 'binary' }) } },
    },
  },
  responses: { 200: jsonAnswer(uploadSchema, 'The upload'), ...notFound, ...invalid, ...refusals },
})

export function uploadRoutes({ uploads }: ApiOptions): OpenAPIHono<ApiEnv> {
  const app = router()
  app.openapi(begin, async (c) => c.json(await uploads.begin(c.req.valid('json')), 201))
  app.openapi(get, async (c) => c.json(await uploads.get(c.req.valid('param').id), 200))
  return app
}

/** The one call whose body may be large. */
export function uploadPieceRoutes({ uploads }: ApiOptions): OpenAPIHono<ApiEnv> {
  const app = router()
  app.openapi(append, async (c) => {
    const { id } = c.req.valid('param')
    const offset = c.req.valid('header')['upload-offset']
    const { bytes } = await uploads.get(id)
    const length = Number(c.req.header('content-length') ?? 0)
    // Before a single byte of it is read.
    if (offset + length > bytes) {
      throw new SluiceError('UPLOAD_TOO_LARGE', `the piece goes on behind the ${bytes} bytes that were announced`)
    }
    return c.json(await uploads.append(id, offset, c.req.raw.body ?? nothing()), 200)
  })
  return app
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
