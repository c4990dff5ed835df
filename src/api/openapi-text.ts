import type { Engine } from '../engine/engine.ts'
import type { Uploads } from '../sources/uploads.ts'
import { silentLog } from '../support/log.ts'
import { resourceRoutes } from './api.ts'
import { openApiDocument } from './openapi.ts'

/** The content of `openapi.json`. Routes are only described here, never called: no engine is needed. */
export function openApiText(): string {
  const resources = resourceRoutes({
    engine: {} as Engine,
    uploads: {} as Uploads,
    identify: () => null,
    version: '',
    log: silentLog,
    onShutdown: () => {},
  })
  return `${JSON.stringify(openApiDocument(resources), null, 2)}\n`
}
