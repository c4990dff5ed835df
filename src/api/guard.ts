import { createHash, timingSafeEqual } from 'node:crypto'
import type { MiddlewareHandler } from 'hono'
import type { Actor } from '../model/actor.ts'
import { SluiceError } from '../model/error.ts'

/** What a request brings along, and what the guards find out of it. */
export interface ApiEnv {
  Bindings: {
    /** Where the request came in; absent: on this machine's own listener. */
    readonly door?: Door
  }
  Variables: { actor: Actor }
}

/** A place where requests come in, and the names by which it may be called. */
export interface Door {
  readonly kind: 'local' | 'public'
  /** True for a host name (without port) that this door goes by. */
  isNamed(host: string): boolean
}

/** The token's holder; null: the token is not ours. */
export type Identify = (token: string) => Omit<Actor, 'label'> | null

export type Guard = MiddlewareHandler<ApiEnv>

/** 127.0.0.1 and its names. A page from anywhere can make a browser talk to it: only who means this machine is heard. */
const localDoor: Door = {
  kind: 'local',
  isNamed: (host) => /^(?:127\.0\.0\.1|localhost|\[::1\])$/i.test(host),
}

const LABEL_HEADER = 'x-sluice-label'
const LONGEST_LABEL = 200

/** Only callers that name the door that they came through are heard. */
export function knowsItsDoor(): Guard {
  return async function checkHost(c, next) {
    const door = c.env.door ?? localDoor
    const host = c.req.header('host') ?? ''
    if (!/^[^\s/@]+$/.test(host) || !door.isNamed(withoutPort(host))) {
      throw foreign(`the Host header names ${shown(host)}`, door)
    }
    const origin = c.req.header('origin')
    if (origin !== undefined && !(URL.canParse(origin) && door.isNamed(new URL(origin).hostname))) {
      throw foreign(`the Origin header names ${shown(origin)}`, door)
    }
    await next()
  }
}

/** Establishes who asks; nothing of a request says so but its credentials. */
export function knowsItsActor(identify: Identify): Guard {
  return async function checkToken(c, next) {
    const given = /^Bearer +(\S+)$/i.exec(c.req.header('authorization') ?? '')?.[1]
    const found = given === undefined ? null : identify(given)
    if (found === null) {
      throw new SluiceError('UNAUTHORIZED', given === undefined ? 'the call names no token' : 'the token is wrong', {
        hint: 'send `Authorization: Bearer <token>`; the token is in control/token below SLUICE_HOME, and `sluice login` keeps the one of a control plane elsewhere',
      })
    }
    c.set('actor', { ...found, label: labelOf(c.req.header(LABEL_HEADER)) })
    await next()
  }
}

/** What concerns the machine is asked for on the machine. */
export function comesFromThisMachine(): Guard {
  return async function checkDoor(c, next) {
    if ((c.env.door ?? localDoor).kind !== 'local') {
      throw new SluiceError('FORBIDDEN_HOST', `${c.req.method} ${c.req.path} is answered on the machine itself only`, {
        hint: 'run the command on the machine where the control plane runs',
      })
    }
    await next()
  }
}

/** One token, whose holder is the owner of the installation. */
export function ownerToken(token: string, name: string): Identify {
  const expected = digest(token)
  const owner = { kind: 'owner', id: 'owner', name } as const
  return (given) => (timingSafeEqual(digest(given), expected) ? owner : null)
}

function labelOf(header: string | undefined): string | null {
  if (header === undefined || header === '') return null
  try {
    const label = decodeURIComponent(header)
    if (label.length <= LONGEST_LABEL && !/\p{Cc}/u.test(label)) return label
  } catch {
    // told below
  }
  throw new SluiceError('USAGE', `the header ${LABEL_HEADER} is no name`, {
    hint: `at most ${LONGEST_LABEL} characters, percent-encoded, none of them a control character`,
  })
}

/** `[::1]:8080` → `[::1]`. */
function withoutPort(host: string): string {
  return host.replace(/:\d{1,5}$/, '')
}

function foreign(what: string, { kind }: Door): SluiceError {
  return new SluiceError(
    'FORBIDDEN_HOST',
    `${what}, which is not ${kind === 'local' ? 'this machine' : 'a name of this control plane'}`,
    {
      hint:
        kind === 'local'
          ? 'call http://127.0.0.1 or http://localhost; reach it from elsewhere with `sluice up --listen`'
          : 'call it by a name of its certificate, or one that `sluice up --listen … --host` names',
    },
  )
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 80))
}

/** Of equal length whatever was sent. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
