import type { OpenAPIHono } from '@hono/zod-openapi'
import { bodyLimit } from 'hono/body-limit'
import { SluiceError } from '../model/error.ts'
import { messageOf } from '../support/message-of.ts'
import { controlRoutes, machineRoutes } from './control.ts'
import { deploymentRoutes } from './deployments.ts'
import { environmentRoutes } from './environments.ts'
import { eventRoutes } from './events.ts'
import { type ApiEnv, comesFromThisMachine, type Door, type Guard, knowsItsActor, knowsItsDoor } from './guard.ts'
import { logRoutes } from './logs.ts'
import { openApiDocument } from './openapi.ts'
import type { ApiOptions } from './options.ts'
import { answerError, problemResponse } from './problem.ts'
import { projectRoutes } from './projects.ts'
import { releaseRoutes } from './releases.ts'
import { router } from './router.ts'
import { secretRoutes } from './secrets.ts'
import { uploadPieceRoutes, uploadRoutes } from './uploads.ts'

const MAX_BODY_BYTES = 2 * 1024 * 1024

export interface Api {
  /** `door`: where the request came in; absent: on this machine's own listener. */
  readonly fetch: (request: Request, door?: Door) => Response | Promise<Response>
}

/** Routes that ask the same of who calls them. Below `/api/v1`. */
interface RouteGroup {
  readonly guards: readonly Guard[]
  readonly routes: readonly ((options: ApiOptions) => OpenAPIHono<ApiEnv>)[]
}

/** Translates HTTP into calls of the engine, and nothing more. */
export function createApi(options: ApiOptions): Api {
  const { engine, log } = options
  const app = router()
  app.onError((error, c) => answerError(error, c, log))
  app.notFound((c) => {
    const what = `there is no ${c.req.method} ${c.req.path}`
    return problemResponse(c, new SluiceError('NOT_FOUND', what, { hint: 'see /api/v1/openapi.json' }))
  })
  app.use(knowsItsDoor())
  app.get('/livez', (c) => c.json({ status: 'ok' }))
  const knowsActor = knowsItsActor(options.identify)
  app.on('GET', ['/readyz', '/healthz'], knowsActor, async (c) => {
    try {
      await engine.deployments.summaries({ limit: 1 }) // asks the database and its tables
    } catch (error) {
      throw new SluiceError('DATABASE_UNREACHABLE', `the database does not answer: ${messageOf(error)}`)
    }
    return c.json({ status: 'ok' })
  })
  for (const { guards, routes } of routeGroups(knowsActor)) {
    for (const one of routes) guardEach(app, guards, one(options))
  }
  const document = openApiDocument(resourceRoutes(options))
  app.get('/api/v1/openapi.json', knowsActor, (c) => c.json(document))
  app.use(knowsActor) // what is not there is not told to strangers either
  return { fetch: (request, door) => app.fetch(request, door === undefined ? {} : { door }) }
}

function routeGroups(knowsActor: Guard): readonly RouteGroup[] {
  const asked = [knowsActor, smallBody()]
  return [
    {
      guards: asked,
      routes: [
        deploymentRoutes,
        releaseRoutes,
        environmentRoutes,
        projectRoutes,
        logRoutes,
        secretRoutes,
        eventRoutes,
        uploadRoutes,
        controlRoutes,
      ],
    },
    { guards: [knowsActor], routes: [uploadPieceRoutes] },
    { guards: [comesFromThisMachine(), ...asked], routes: [machineRoutes] },
  ]
}

/** Route by route: a guard of one group never stands before another's. */
function guardEach(app: OpenAPIHono<ApiEnv>, guards: readonly Guard[], routes: OpenAPIHono<ApiEnv>): void {
  for (const { method, path } of routes.routes) app.on(method, [`/api/v1${path}`], ...guards)
  app.route('/api/v1', routes)
}

function smallBody(): Guard {
  return bodyLimit({
    maxSize: MAX_BODY_BYTES,
    onError: () => {
      throw new SluiceError('USAGE', `the body of the request is larger than ${MAX_BODY_BYTES} bytes`)
    },
  })
}

/** Every resource below `/api/v1`. */
export function resourceRoutes(options: ApiOptions): OpenAPIHono<ApiEnv> {
  const app = router()
  for (const { routes } of routeGroups(async (_c, next) => next())) {
    for (const one of routes) app.route('/', one(options))
  }
  return app
}
