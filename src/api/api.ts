import type { OpenAPIHono } from '@hono/zod-openapi'
import { bodyLimit } from 'hono/body-limit'
import { SluiceError } from '../model/error.ts'
import { messageOf } from '../support/message-of.ts'
import { controlRoutes } from './control.ts'
import { deploymentRoutes } from './deployments.ts'
import { environmentRoutes } from './environments.ts'
import { eventRoutes } from './events.ts'
import { needsToken, onlyLocalHosts } from './guard.ts'
import { logRoutes } from './logs.ts'
import { openApiDocument } from './openapi.ts'
import type { ApiOptions } from './options.ts'
import { answerError, problemResponse } from './problem.ts'
import { releaseRoutes } from './releases.ts'
import { router } from './router.ts'
import { secretRoutes } from './secrets.ts'

const MAX_BODY_BYTES = 2 * 1024 * 1024

export interface Api {
  readonly fetch: (request: Request) => Response | Promise<Response>
}

/** Translates HTTP into calls of the engine, and nothing more. */
export function createApi(options: ApiOptions): Api {
  const { engine, log, token } = options
  const app = router()
  app.onError((error, c) => answerError(error, c, log))
  app.notFound((c) => {
    const what = `there is no ${c.req.method} ${c.req.path}`
    return problemResponse(c, new SluiceError('NOT_FOUND', what, { hint: 'see /api/v1/openapi.json' }))
  })
  app.use(onlyLocalHosts())
  app.get('/livez', (c) => c.json({ status: 'ok' }))
  app.use(needsToken(token))
  app.use(
    bodyLimit({
      maxSize: MAX_BODY_BYTES,
      onError: () => {
        throw new SluiceError('USAGE', `the body of the request is larger than ${MAX_BODY_BYTES} bytes`)
      },
    }),
  )
  app.on('GET', ['/readyz', '/healthz'], async (c) => {
    try {
      await engine.deployments.list({ limit: 1 }) // asks the database and its tables
    } catch (error) {
      throw new SluiceError('DATABASE_UNREACHABLE', `the database does not answer: ${messageOf(error)}`)
    }
    return c.json({ status: 'ok' })
  })
  const resources = resourceRoutes(options)
  const document = openApiDocument(resources)
  app.get('/api/v1/openapi.json', (c) => c.json(document))
  app.route('/api/v1', resources)
  return { fetch: (request) => app.fetch(request) }
}

/** Every resource below `/api/v1`. */
export function resourceRoutes(options: ApiOptions): OpenAPIHono {
  const app = router()
  for (const routes of [
    deploymentRoutes,
    releaseRoutes,
    environmentRoutes,
    logRoutes,
    secretRoutes,
    eventRoutes,
    controlRoutes,
  ]) {
    app.route('/', routes(options))
  }
  return app
}
