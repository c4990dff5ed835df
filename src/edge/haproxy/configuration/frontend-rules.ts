import { VISITOR_COOKIE, visitorCookie, WEIGHT_STEPS } from '../../assignment.ts'
import type { EdgeLimits } from '../../edge-settings.ts'

/** Fields of a line of the request log, after the mark; `parseLogLine` reads them in this order. */
const logFields = [
  '%[var(txn.rv)]',
  '%b',
  '%s',
  '%ST',
  '%[date(0,ms)]',
  '%TR',
  '%Tw',
  '%Tc',
  '%Tr',
  '%Ta',
  '%rc',
  '%tsc',
  '%[var(txn.n)]',
  '%[var(txn.t)]',
  '%[var(txn.v)]',
  '%[var(txn.err)]',
  '%pid',
  '%HM',
  '%HP',
]
/** In place of a threshold: the request named its release, so it is no evidence about anybody. */
export const PINNED = 'pinned'
/** `mark` begins each line: anybody on this machine may write to the agent's port, but not what only HAProxy knows. */
export function logFormat(mark: string): string {
  return `log-format "${mark} ${logFields.join(' ')}"`
}

/** Requests that no rule stops go on to the backend that the variables name. */
const dispatch = [
  'use_backend errors if { var(txn.err) -m found }',
  'use_backend %[var(txn.be)] if { var(txn.be) -m found }',
]

/**
 * A worker that was replaced by a reload still has kept connections of clients. Its tables are frozen, so it passes
 * what comes on them to the new worker, by the same rules of the same listener.
 */
const passOn = (found: string) => [
  `http-request allow if !{ var(${found}) -m found } { str(mode),map_str(maps/mode.map) -m str relay }`,
]

export interface FrontendRules {
  readonly port: number
  readonly secure: boolean
  readonly limits: EdgeLimits
  /** Whether some environment of this listener redirects to https. */
  readonly redirects: boolean
  /** Whether some environment of this listener retains assets. */
  readonly assets: boolean
}

/** From a request to its environment, release, service and backend; everything that may change is read from maps. */
export function publicRules({ port, secure, limits, redirects, assets }: FrontendRules): string[] {
  const cookie = (visitor: string) => visitorCookie(visitor, { secure })
  return [
    // Cheap sizes first; the exact length of the head costs a copy.
    `http-request set-var(txn.err) str(HEADERS_TOO_LARGE) if { internal.htx.data gt ${limits.headerBytes} } { req.hdrs,length gt ${limits.headerBytes} }`,
    ...(limits.bodyBytes === 0
      ? []
      : [`http-request set-var(txn.err) str(BODY_TOO_LARGE) if { req.body_size gt ${limits.bodyBytes} }`]),
    'http-request set-var(txn.err) str(BAD_REQUEST) if METH_CONNECT or !{ req.hdr(host) -m found } { req.ver 1.1 }',
    // Applications build links from their Host, and may read another one than we in these.
    "http-request set-var(txn.err) str(BAD_REQUEST) if { req.fhdr(host) -m reg '[[:space:],/\\\\?#@]' }",
    'http-request set-var(txn.h) req.hdr(host),host_only,lower,rtrim(.)',
    'http-request set-var(txn.p) path,concat(/)',
    `http-request set-var(txn.e) str(${port}|),concat(,txn.h,|),concat(,txn.p),map_beg(maps/hosts.map)`,
    `http-request set-var(txn.e) str(${port}|*|),concat(,txn.p),map_beg(maps/hosts.map) if !{ var(txn.e) -m found }`,
    ...passOn('txn.e'),
    'http-request set-var(txn.err) str(ROUTE_NOT_FOUND) if !{ var(txn.e) -m found } !{ var(txn.err) -m found }',
    'http-request allow if { var(txn.err) -m found }',
    ...(redirects && !secure ? redirectRules : []),
    'http-request set-var(txn.s) var(txn.e),map_str(maps/split.map)',
    ...visitorRules,
    ...assignmentRules,
    ...pinRules,
    'http-request set-var(txn.q) var(txn.e),concat(|,txn.r,|)',
    'http-request set-var(txn.rv) var(txn.q),concat(,txn.h,|),concat(,txn.p),map_beg(maps/routes.map)',
    'http-request set-var(txn.rv) var(txn.q),concat(*|),concat(,txn.p),map_beg(maps/routes.map) if !{ var(txn.rv) -m found }',
    'http-request set-var(txn.be) var(txn.rv),field(1,|) if { var(txn.rv) -m found }',
    ...(assets ? assetRules : []),
    'http-request set-var(txn.err) str(ROUTE_NOT_FOUND) if !{ var(txn.be) -m found } !{ var(txn.err) -m found }',
    'http-request allow if { var(txn.err) -m found }',
    'http-request lua.hold if { var(txn.s),bytes(1,1) -m str h } or !{ var(txn.be),nbsrv gt 0 }',
    'http-request allow if { var(txn.err) -m found } or { var(txn.be) -m str relay }',
    ...forwardRules(secure),
    `http-request track-sc0 var(txn.be) table counters if !${pinned}`,
    `http-request set-var(txn.n) sc_inc_gpc1(0) if !${pinned}`,
    'http-request disable-l7-retry unless METH_GET',
    ...responseRules,
    `http-after-response add-header set-cookie "${cookie('%[var(txn.v)]')}" if { var(txn.new) -m found } { var(txn.rv) -m found }`,
    ...dispatch,
  ]
}

const redirectRules = [
  'http-request set-var(txn.https) var(txn.e),map_str(maps/redirects.map)',
  'http-request return status 308 hdr location "https://%[var(txn.h)]%[pathq]" if { var(txn.https) -m str 443 }',
  'http-request return status 308 hdr location "https://%[var(txn.h)]:%[var(txn.https)]%[pathq]" if { var(txn.https) -m found }',
]

/** Who comes: the cookie of an earlier visit, or a new id for the load of a page. API clients never bring one back. */
const visitorRules = [
  `http-request set-var(txn.v) req.cook(${VISITOR_COOKIE}) if { var(txn.s) -m beg s } { req.cook(${VISITOR_COOKIE}) -m reg ^[0-9a-f]{16}$ }`,
  'http-request set-var(txn.new) uuid() if { req.hdr(sec-fetch-mode) -m str navigate } METH_GET { var(txn.s) -m beg s } !{ var(txn.v) -m found }',
  'http-request set-var(txn.new) uuid() if { req.fhdr(accept) -m sub text/html } METH_GET { var(txn.s) -m beg s } !{ var(txn.v) -m found } !{ req.hdr(sec-fetch-mode) -m found }',
  'http-request set-var(txn.v2) var(txn.new),bytes(24,8) if { var(txn.new) -m found }',
  'http-request set-var(txn.v) var(txn.new),bytes(0,8),concat(,txn.v2) if { var(txn.new) -m found }',
]

/** A threshold on a hash: a rising weight only ever moves visitors forward. */
const assignmentRules = [
  'http-request set-var(txn.t) var(txn.s),field(2,|)',
  'http-request set-var(txn.salt) var(txn.s),field(5,|,0) if { var(txn.v) -m found }',
  `http-request set-var(txn.x) var(txn.v),concat(,txn.salt),crc32,mod(${WEIGHT_STEPS}) if { var(txn.v) -m found }`,
  `http-request set-var(txn.x) rand(${WEIGHT_STEPS}) if !{ var(txn.v) -m found }`,
  'http-request set-var(txn.r) var(txn.s),field(3,|)',
  'http-request set-var(txn.r) var(txn.s),field(4,|) if { var(txn.x),sub(txn.t) -m int lt 0 }',
]

const pinned = '{ var(txn.pinned) -m found }'
const pinRules = [
  'http-request set-var(txn.key) var(txn.e),map_str(maps/preview.map) if { req.hdr(x-sluice-release) -m found }',
  'http-request set-var(txn.pinned) req.hdr(x-sluice-release) if { var(txn.key) -m found } { req.hdr(x-sluice-preview-key),secure_memcmp(txn.key) }',
  `http-request set-var(txn.r) var(txn.pinned) if ${pinned}`,
  `http-request set-var(txn.t) str(${PINNED}) if ${pinned}`,
  `http-request set-var(txn.known) var(txn.e),concat(|,txn.r),map_str(maps/releases.map) if ${pinned}`,
  'http-request set-var(txn.err) str(NO_INSTANCE) if { var(txn.r) -m len 0 }',
  `http-request set-var(txn.err) str(RELEASE_UNKNOWN) if ${pinned} !{ var(txn.known) -m found }`,
]

const assetRules = [
  'http-request set-var(txn.a) path if METH_GET { var(txn.s),bytes(2,1) -m str a }',
  'http-request set-var(txn.a) var(txn.e),concat(|,txn.a),map_str(maps/assets.map) if { var(txn.a) -m found }',
  'http-request set-var(txn.rv) str(agent|asset) if { var(txn.a) -m str 1 }',
  'http-request set-var(txn.be) str(agent) if { var(txn.a) -m str 1 }',
]

function forwardRules(secure: boolean): string[] {
  return [
    'http-request lua.hop_request if { req.hdr(connection) -m found } !{ req.fhdr(connection) -i -m str close keep-alive upgrade }',
    // What a proxy would be asked; behind HTTP/2 the address is always whole, and shortened on its way out.
    'http-request set-uri %[pathq] if { req.ver -m beg 1. } { url_beg -i http }',
    'http-request del-header x-sluice- -m beg',
    'http-request del-header keep-alive',
    'http-request del-header proxy-connection',
    'http-request del-header te',
    'http-request add-header x-forwarded-for %[src]',
    `http-request set-header x-forwarded-proto ${secure ? 'https' : 'http'}`,
    'http-request set-header x-forwarded-host %[req.hdr(host)] if { req.hdr(host) -m found }',
    'http-request del-header x-forwarded-host if !{ req.hdr(host) -m found }',
  ]
}

/** A drain waits for requests, but not for these: upgraded connections, and event streams that were asked for by GET. */
const streamRules = [
  'http-response set-var(txn.stream) srv_name if { status 101 }',
  'http-response set-var(txn.stream) srv_name if METH_GET { res.hdr(content-type) -m beg text/event-stream }',
  'http-response set-var(txn.stream) be_name,concat(/,txn.stream) if { var(txn.stream) -m found }',
  'http-response track-sc1 var(txn.stream) table streams if { var(txn.stream) -m found }',
]

const responseRules = [
  ...streamRules,
  'http-response lua.hop_response if { res.hdr(connection) -m found } !{ res.fhdr(connection) -i -m str close keep-alive upgrade }',
  'http-response del-header keep-alive',
  'http-response del-header x-sluice- -m beg if { var(txn.rv) -m found } !{ var(txn.be) -m str agent }',
  'http-after-response set-header x-sluice-release %[var(txn.r)] if { var(txn.r) -m found } !{ var(txn.a) -m str 1 }',
]

/** Services of one release among themselves: no split, no cookie, no samples. */
export function internalRules(port: number): string[] {
  return [
    `http-request set-var(txn.i) str(${port}),map_str(maps/internal.map)`,
    ...passOn('txn.i'),
    'http-request set-var(txn.be) var(txn.i),field(1,|) if { var(txn.i) -m found }',
    'http-request set-var(txn.rv) var(txn.i) if { var(txn.be) -m str agent }',
    'http-request set-var(txn.err) str(ROUTE_NOT_FOUND) if !{ var(txn.be) -m found } !{ var(txn.err) -m found }',
    'http-request set-var(txn.err) str(NO_INSTANCE) if { var(txn.be) -m found } !{ var(txn.be),nbsrv gt 0 }',
    'http-request disable-l7-retry unless METH_GET',
    ...streamRules,
    ...dispatch,
  ]
}
