import type { OpenAPIHono } from '@hono/zod-openapi'
import type { ApiEnv } from './guard.ts'

/** The OpenAPI document of these routes. */
export function openApiDocument(resources: OpenAPIHono<ApiEnv>): object {
  resources.openAPIRegistry.registerComponent('securitySchemes', 'token', { type: 'http', scheme: 'bearer' })
  return resources.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Sluice',
      version: 'v1',
      description:
        'Bound to 127.0.0.1, and to another address by `sluice up --listen`. The token is in control/token below SLUICE_HOME. Failures are RFC 9457 problems.',
    },
    servers: [{ url: '/api/v1' }],
    security: [{ token: [] }],
  })
}
