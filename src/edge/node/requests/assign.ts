import { timingSafeEqual } from 'node:crypto'
import { isPageLoad, visitorOf } from '../../assignment.ts'
import type { EdgeAnswerCode } from '../../edge-answers.ts'
import type { Core, Entrance } from '../core.ts'
import { type Environment, type Release, releaseFor, type Service } from '../environment.ts'
import type { RequestHead } from './request-head.ts'

/** Who a request is from, fixed for its life, while its release follows the table of the moment. */
export interface Visitor {
  readonly id: string
  /** Null: the request brought no id, so bad events count one by one. */
  readonly known: string | null
  readonly setCookie: boolean
}

export function visitorFor(core: Core, environment: Environment, head: RequestHead, method: string): Visitor {
  const known = environment.table.stickiness ? visitorOf(head.cookie) : null
  if (known !== null) return { id: known, known, setCookie: false }
  const isPage = isPageLoad({ method, secFetchMode: head.secFetchMode, accept: head.accept })
  return { id: core.newVisitor(), known: null, setCookie: environment.table.stickiness && isPage }
}

export interface Destination {
  readonly service: Service
  /** Named by the request: never sent elsewhere, and no evidence about anybody. */
  readonly isPinned: boolean
  /** Where the base would serve the same request, when the candidate cannot. */
  readonly otherwise: Service | null
}

/** The service that a request is for, or the edge's answer when there is none. */
export function destinationOf(order: {
  readonly environment: Environment
  readonly entrance: Entrance
  readonly head: RequestHead
  readonly path: string
  readonly visitor: Visitor
}): Destination | EdgeAnswerCode {
  const { environment, entrance, head, path, visitor } = order
  if (entrance.internal !== undefined) {
    const { release, service } = entrance.internal
    const found = environment.releases.get(release)?.services.get(service)
    return found === undefined ? 'RELEASE_UNKNOWN' : { service: found, isPinned: true, otherwise: null }
  }
  const isPinned = head.release !== undefined && isPreviewKey(environment.table.previewKey, head.previewKey)
  const release = isPinned ? environment.releases.get(head.release ?? '') : releaseFor(environment, visitor.id)
  if (release === undefined) return 'RELEASE_UNKNOWN'
  const service = serviceOf(release, head, path)
  const otherwise = !isPinned && release === environment.candidate ? serviceOf(environment.base, head, path) : null
  if (service === null) return release === null ? 'NO_INSTANCE' : 'ROUTE_NOT_FOUND'
  return { service, isPinned, otherwise }
}

function serviceOf(release: Release | null, head: RequestHead, path: string): Service | null {
  return release === null ? null : release.routes.match(head.host, path)
}

function isPreviewKey(expected: string, given: string | undefined): boolean {
  if (given === undefined || expected === '') return false
  const [a, b] = [Buffer.from(expected), Buffer.from(given)]
  return a.length === b.length && timingSafeEqual(a, b)
}
