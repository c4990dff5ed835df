import { createHash, timingSafeEqual } from 'node:crypto'
import type { MiddlewareHandler } from 'hono'
import { SluiceError } from '../model/error.ts'

const LOCAL_HOST = /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?$/i

/** A page from anywhere can make a browser talk to 127.0.0.1: only who knows that it talks to us is heard. */
export function onlyLocalHosts(): MiddlewareHandler {
  return async function checkHost(c, next) {
    const host = c.req.header('host') ?? ''
    if (!LOCAL_HOST.test(host)) throw foreign(`the Host header names ${shown(host)}`)
    const origin = c.req.header('origin')
    if (origin !== undefined && !isLocalOrigin(origin)) throw foreign(`the Origin header names ${shown(origin)}`)
    await next()
  }
}

export function needsToken(token: string): MiddlewareHandler {
  const expected = digest(token)
  return async function checkToken(c, next) {
    const header = c.req.header('authorization')
    const given = /^Bearer +(\S+)$/i.exec(header ?? '')?.[1]
    if (given === undefined || !timingSafeEqual(digest(given), expected)) {
      throw new SluiceError('UNAUTHORIZED', given === undefined ? 'the call names no token' : 'the token is wrong', {
        hint: 'send `Authorization: Bearer <token>`; the token is in control/token below SLUICE_HOME',
      })
    }
    await next()
  }
}

function isLocalOrigin(origin: string): boolean {
  return URL.canParse(origin) && LOCAL_HOST.test(new URL(origin).host)
}

function foreign(what: string): SluiceError {
  return new SluiceError('FORBIDDEN_HOST', `${what}, which is not this machine`, {
    hint: 'call http://127.0.0.1 or http://localhost; reach it from elsewhere through an SSH tunnel',
  })
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 80))
}

/** Of equal length whatever was sent. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
