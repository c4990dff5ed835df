import { OpenAPIHono } from '@hono/zod-openapi'
import { invalidRequest } from './problem.ts'
import { problemSchema } from './schemas/common.ts'

/** A router whose refusals are all of one form. */
export function router(): OpenAPIHono {
  return new OpenAPIHono({
    defaultHook: (result) => {
      if (!result.success) throw invalidRequest(result.target === 'json' ? 'body' : result.target, result.error)
    },
  })
}

const problem = (description: string) => ({
  description,
  content: { 'application/problem+json': { schema: problemSchema } },
})

/** What any call may answer. */
export const refusals = {
  401: { description: 'No token, or a wrong one' },
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
