import type { RouteTable } from '../../edge.ts'
import { edgeAnswers } from '../../edge-answers.ts'
import type { EdgeLimits } from '../../edge-settings.ts'
import type { BackendKind, Pool, PooledBackend } from '../pool.ts'
import { internalRules, logFormat, publicRules } from './frontend-rules.ts'

/**
 * HAProxy's configuration as named sections. What changes with every deployment is not in it: slots, weights, splits,
 * routes and hosts are set at run time. A reload is needed when a section is missing or differs: a listener (port,
 * limits, certificates), an internal port, a kind of health check that was not declared yet, no free slot or backend.
 */
export type Configuration = ReadonlyMap<string, string>

export interface ConfigurationInput {
  readonly tables: readonly RouteTable[]
  readonly pool: Pool
  readonly fileLimit: number
  readonly ipv6: boolean
  readonly threads: number
  /** Where the agent takes the log, and what its lines begin with. */
  readonly ring: { readonly port: number; readonly mark: string }
  /** Changes with the content of the certificates of a port. */
  readonly certificates: ReadonlyMap<number, string>
}

/** Streams may be silent for as long as they like: only their ends close them. */
const NEVER_MS = 24 * 3600 * 1000
const MIN_BUFFER_BYTES = 16_384
/**
 * Beyond the limit of heads: what HAProxy adds to one, the form in which it keeps a thousand short headers, and heads
 * somewhat above the limit, which must fit to be a 431. Not more: for a retry HAProxy copies the whole buffer of each GET,
 * however little is in it.
 */
const SLACK_BYTES = 8192

export function configurationOf(input: ConfigurationInput): Map<string, string> {
  const { tables, pool } = input
  const sections = new Map<string, string>()
  const listeners = listenersOf(tables)
  sections.set('global', globalSection(input, listeners))
  sections.set('ring', ringSection(input))
  sections.set('defaults', defaultsSection)
  sections.set('errors', errorsSection)
  sections.set('counters', 'backend counters\n  stick-table type string len 16 size 10k store gpc1')
  sections.set('streams', streamsSection)
  sections.set('agent', agentSection)
  sections.set('probe', probeSection(input))
  for (const listener of listeners) {
    sections.set(`public-${listener.port}`, publicSection(listener, input))
  }
  for (const port of internalPortsOf(tables)) sections.set(`internal-${port}`, internalSection(port))
  for (const backend of pool) sections.set(backend.name, backendSection(backend))
  return sections
}

/** The whole text. `generation` is read back from the process to know which configuration it serves by. */
export function configurationText(sections: Configuration, generation: number): string {
  return [...sections.values()].join('\n\n').replace('@GENERATION@', String(generation)).concat('\n')
}

/** Sections whose absence or difference needs a reload; those that are loaded but not needed do no harm. */
export function missingSections(loaded: Configuration, needed: Configuration): string[] {
  return [...needed].filter(([name, text]) => loaded.get(name) !== text).map(([name]) => name)
}

interface Listener {
  readonly port: number
  readonly secure: boolean
  readonly limits: EdgeLimits
  readonly redirects: boolean
  readonly assets: boolean
}

/** Environments that share a listener share its limits: the largest of each counts. */
function listenersOf(tables: readonly RouteTable[]): Listener[] {
  const listeners = new Map<number, Listener>()
  for (const { listeners: ports, limits, assets } of tables) {
    for (const [port, secure] of [
      [ports.http, false],
      [ports.https, true],
    ] as const) {
      if (port === null) continue
      const known = listeners.get(port)
      listeners.set(port, {
        port,
        secure,
        limits: known === undefined ? limits : largest(known.limits, limits),
        redirects: (known?.redirects ?? false) || ports.redirectToHttps,
        assets: (known?.assets ?? false) || assets.length > 0,
      })
    }
  }
  return [...listeners.values()].sort((a, b) => a.port - b.port)
}

function largest(a: EdgeLimits, b: EdgeLimits): EdgeLimits {
  const merged = { ...a }
  for (const key of Object.keys(a) as (keyof EdgeLimits)[]) {
    const isUnlimited = (key === 'bodyBytes' || key === 'responseMs') && (a[key] === 0 || b[key] === 0)
    merged[key] = isUnlimited ? 0 : Math.max(a[key], b[key])
  }
  return merged
}

function internalPortsOf(tables: readonly RouteTable[]): Set<number> {
  const services = tables.flatMap(({ releases }) => releases.flatMap((release) => release.services))
  return new Set(services.flatMap(({ internalPort }) => (internalPort === undefined ? [] : [internalPort])))
}

function globalSection({ fileLimit, threads }: ConfigurationInput, listeners: readonly Listener[]): string {
  const headerBytes = Math.max(0, ...listeners.map(({ limits }) => limits.headerBytes))
  const bufferBytes = Math.max(MIN_BUFFER_BYTES, headerBytes + SLACK_BYTES)
  const wanted = listeners.reduce((sum, { limits }) => sum + limits.connections, 1000)
  // Each connection takes two descriptors; checks, listeners and pipes take the rest.
  const possible = Math.max(100, Math.floor((fileLimit - 1000) / 2.1))
  return `global
  description generation-@GENERATION@
  stats socket unix@runtime.sock mode 600 level admin expose-fd listeners
  stats timeout 1m
  server-state-file server-state
  lua-load actions.lua
  log ring@requests len 2048 format raw local0
  maxconn ${Math.min(wanted, possible)}
  nbthread ${threads}
  hard-stop-after 24h
  tune.bufsize ${Math.ceil(bufferBytes / 4096) * 4096}
  tune.http.maxhdr 1000
  tune.lua.session-timeout 4s`
}

/** By TCP: for a unix socket that nobody listens on HAProxy 2.6 tries again without a pause and eats a core. */
function ringSection({ ring }: ConfigurationInput): string {
  return `ring requests
  format raw
  maxlen 2048
  size 16777216
  timeout connect 1s
  timeout server 5m
  server agent 127.0.0.1:${ring.port}`
}

const defaultsSection = `defaults
  mode http
  log global
  option http-no-delay
  option abortonclose
  option redispatch 1
  option idle-close-on-response
  load-server-state-from-file global
  retries 3
  retry-on conn-failure empty-response
  timeout connect 2s
  timeout queue 5s
  timeout client 60s
  timeout server 60s
  timeout http-request 10s
  timeout http-keep-alive 60s
  timeout tunnel ${NEVER_MS}ms
  timeout client-fin 30s
  http-error status 400 content-type application/json file pages/BAD_REQUEST.json hdr x-sluice-error BAD_REQUEST hdr cache-control no-store
  http-error status 408 content-type application/json file pages/REQUEST_TIMEOUT.json hdr x-sluice-error REQUEST_TIMEOUT hdr cache-control no-store
  http-error status 502 content-type application/json file pages/APP_UNREACHABLE.json hdr x-sluice-error APP_UNREACHABLE hdr cache-control no-store
  http-error status 503 content-type application/json file pages/NO_INSTANCE.json hdr x-sluice-error NO_INSTANCE hdr cache-control no-store
  http-error status 504 content-type application/json file pages/APP_TIMEOUT.json hdr x-sluice-error APP_TIMEOUT hdr cache-control no-store`

/** Our own answers: a page for people, a document for programs. */
const errorsSection = [
  'backend errors',
  '  acl page req.fhdr(accept) -m sub text/html',
  ...Object.entries(edgeAnswers).flatMap(([code, { status }]) => {
    const answer = (type: string, file: string) =>
      `  http-request return status ${status} content-type "${type}" file pages/${file} hdr x-sluice-error ${code} hdr cache-control no-store`
    const retry = status === 503 ? ' hdr retry-after 5' : ''
    return [
      `${answer('text/html;charset=utf-8', `${code}.html`)}${retry} if page { var(txn.err) -m str ${code} }`,
      `${answer('application/json', `${code}.json`)}${retry} if { var(txn.err) -m str ${code} }`,
    ]
  }),
].join('\n')

/** By `backend/slot`: streams that are open on it; `streamRules` say what is one. */
const streamsSection = 'backend streams\n  stick-table type string len 32 size 10k expire 1h store conn_cur'

/** Answers the agent, so that a line of the agent's own goes through the log. */
export const PROBE_FRONTEND = 'probe'

function probeSection({ ring }: ConfigurationInput): string {
  return `frontend ${PROBE_FRONTEND}
  bind unix@probe.sock mode 600
  timeout client 5s
  ${logFormat(ring.mark)}
  http-request return status 204`
}

const agentSection = `backend agent
  timeout server ${NEVER_MS}ms
  http-request set-header x-sluice-serve %[var(txn.e)]|%[var(txn.rv)]
  server agent unix@static.sock check inter 500ms fastinter 100ms downinter 100ms rise 1 fall 2`

function publicSection(listener: Listener, { ipv6, certificates, ring }: ConfigurationInput): string {
  const { port, secure, limits } = listener
  // Two sockets and not one for both families, so that IPv4 clients keep their addresses as they are.
  const addresses = [`*:${port}`, ...(ipv6 ? [`:::${port} v6only`] : [])]
  const tls = secure ? ` ssl crt-list certificates/${certificates.get(port) ?? port}.list alpn h2,http/1.1` : ''
  return `frontend public-${port}
${addresses.map((address) => `  bind ${address} maxconn ${limits.connections}${tls}`).join('\n')}
  bind unix@relay-${port}.sock accept-proxy mode 600
  timeout client ${limits.bodyIdleMs}ms
  timeout http-request ${limits.headersMs}ms
  timeout http-keep-alive ${limits.keepAliveMs}ms
  ${logFormat(ring.mark)}
  ${publicRules(listener).join('\n  ')}
  default_backend relay-${port}

${relaySection(port)}`
}

function internalSection(port: number): string {
  return `frontend internal-${port}
  bind 127.0.0.1:${port}
  bind unix@relay-${port}.sock accept-proxy mode 600
  timeout client ${NEVER_MS}ms
  no log
  ${internalRules(port).join('\n  ')}
  default_backend relay-${port}

${relaySection(port)}`
}

function relaySection(port: number): string {
  return `backend relay-${port}
  timeout server ${NEVER_MS}ms
  server relay unix@relay-${port}.sock send-proxy-v2`
}

/** Unused connections are purged sooner than instances close them (Node does after 5 s): a request never meets a closing one. */
function backendSection({ name, kind, slots }: PooledBackend): string {
  const { intervalMs, timeoutMs, passes, failures, responseMs } = kind
  const fastMs = Math.min(intervalMs, 100)
  return `backend ${name}
  balance roundrobin
  timeout server ${responseMs === 0 ? NEVER_MS : responseMs}ms
  timeout check ${timeoutMs}ms
  http-request set-timeout server ${NEVER_MS}ms if { req.fhdr(accept) -m sub text/event-stream }
${checkLines(kind)}  default-server inter ${intervalMs}ms fastinter ${fastMs}ms downinter ${fastMs}ms rise ${passes} fall ${failures} pool-purge-delay 1s
  server-template s 1-${slots.length} 127.0.0.1:9 check disabled weight 100`
}

function checkLines({ check }: BackendKind): string {
  if (check === 'tcp') return ''
  return `  option httpchk
  http-check send meth GET uri-lf "%[be_name,map_str(maps/checks.map,/)]" ver HTTP/1.1 hdr host localhost hdr user-agent sluice-health hdr connection close
  http-check expect status 200-399
`
}
