import { randomBytes } from 'node:crypto'
import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { ZodError } from 'zod'
import { type ErrorCode, isSluiceError, type Problem, SluiceError } from '../model/error.ts'
import type { Log } from '../support/log.ts'
import { messageOf } from '../support/message-of.ts'

/** More would help nobody and could be used to make us work. */
const MAX_PROBLEMS = 100

/** RFC 9457, with our code, hint and list of problems as extension members. */
export function problemResponse(c: Context, error: SluiceError): Response {
  const { code, message, hint, problems, details } = error.toJSON()
  const { status } = error
  const body = {
    type: `urn:sluice:error:${code.toLowerCase().replaceAll('_', '-')}`,
    title: code.toLowerCase().replaceAll('_', ' '),
    status,
    code,
    detail: message,
    ...(hint === undefined ? {} : { hint }),
    ...(problems === undefined ? {} : { problems }),
    ...(details === undefined ? {} : { details }),
  }
  return c.json(body, status as ContentfulStatusCode, { 'content-type': 'application/problem+json' })
}

/** What a handler threw, as a problem; a bug of ours is logged under an id and shown by the id alone. */
export function answerError(error: unknown, c: Context, log: Log): Response {
  if (isSluiceError(error)) return problemResponse(c, error)
  if (error instanceof HTTPException) return problemResponse(c, fromHttpException(error))
  const id = randomBytes(4).toString('hex')
  log.error(`unexpected error ${id} in ${c.req.method} ${c.req.path}: ${stackOf(error)}`)
  return problemResponse(
    c,
    new SluiceError('UNEXPECTED', `something that Sluice did not expect happened (error ${id})`, {
      hint: `control.log has the details under ${id}; please report it`,
    }),
  )
}

/** Every departure of a request from its schema, at once. */
export function invalidRequest(target: string, error: ZodError): SluiceError {
  const problems: Problem[] = error.issues.flatMap((issue) => {
    const path = issue.path.map(String)
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({ path: [...path, key].join('.'), message: 'is not known' }))
    }
    return [{ path: path.join('.') || `the ${target}`, message: issue.message }]
  })
  const shown = problems.slice(0, MAX_PROBLEMS)
  const left = problems.length - shown.length
  const more = left === 0 ? '' : `, the first ${MAX_PROBLEMS} are listed`
  const count = `${problems.length} problem${problems.length === 1 ? '' : 's'}`
  return new SluiceError('USAGE', `the ${target} of the request has ${count}${more}`, {
    hint: 'GET /api/v1/openapi.json describes every call',
    problems: shown,
  })
}

function fromHttpException(error: HTTPException): SluiceError {
  const codes: Readonly<Record<number, ErrorCode>> = { 401: 'UNAUTHORIZED', 403: 'FORBIDDEN_HOST', 404: 'NOT_FOUND' }
  const code = codes[error.status] ?? 'USAGE'
  if (error.status === 415) {
    return new SluiceError(code, 'the body of the request is of another type', {
      hint: 'send Content-Type: application/json',
    })
  }
  const message = /json/i.test(error.message) ? 'the body of the request is not JSON' : error.message
  return new SluiceError(code, message)
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : messageOf(error)
}
