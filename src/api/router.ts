import { OpenAPIHono } from '@hono/zod-openapi'
import { SluiceError } from '../model/error.ts'
import type { ApiEnv } from './guard.ts'
import { invalidRequest } from './problem.ts'
import { problemSchema } from './schemas/common.ts'

/** A router whose refusals are all of one form. */
export function router(): OpenAPIHono<ApiEnv> {
  return new OpenAPIHono<ApiEnv>({
    defaultHook: (result) => {
      const place = result.target === 'json' ? 'body' : result.target
      if (!result.success) throw invalidRequest(place, result.error)
      if (holdsNul(result.data)) {
        throw new SluiceError('USAGE', `the ${place} of the request holds a NUL character`, { hint: 'leave it out' })
      }
    },
  })
}

/** Neither PostgreSQL nor an environment variable can hold one. */
function holdsNul(value: unknown): boolean {
  if (typeof value === 'string') return value.includes('\0')
  if (typeof value !== 'object' || value === null) return false
  return Object.entries(value).some(([key, item]) => key.includes('\0') || holdsNul(item))
}

const problem = (description: string) => ({
  description,
  content: { 'application/problem+json': { schema: problemSchema } },
})

/** What any call may answer. */
export const refusals = {
  401: problem('No token, or a wrong one'),
  403: problem('Not allowed'),
  default: problem('Any other failure'),
}

export const notFound = { 404: problem('There is no such thing') }
export const invalid = { 400: problem('The request is invalid; every problem is listed') }

export function jsonBody<Schema>(schema: Schema) {
  return { body: { required: true, content: { 'application/json': { schema } } } }
}

export function jsonAnswer<Schema>(schema: Schema, description: string) {
  return { description, content: { 'application/json': { schema } } }
}
