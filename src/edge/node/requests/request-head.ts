import { PREVIEW_KEY_HEADER, RELEASE_HEADER } from '../../assignment.ts'

/** What the edge must know of a request's headers, and the lines that the application gets. */
export interface RequestHead {
  host: string | undefined
  cookie: string | undefined
  accept: string | undefined
  secFetchMode: string | undefined
  release: string | undefined
  previewKey: string | undefined
  /** -1: none given. */
  contentLength: number
  isChunked: boolean
  /** Hop-by-hop headers are left out, forwarding ones not yet added. */
  lines: string
  forwardedFor: string | undefined
  /** Why the request must not be forwarded. */
  fault: string | null
}

const kinds = new Map(
  [
    ':authority',
    'host',
    'cookie',
    'accept',
    'sec-fetch-mode',
    RELEASE_HEADER,
    PREVIEW_KEY_HEADER,
    'content-length',
    'transfer-encoding',
    'connection',
    'keep-alive',
    'proxy-connection',
    'te',
    'upgrade',
    'expect',
    'x-forwarded-for',
    'x-forwarded-proto',
    'x-forwarded-host',
  ].map((name) => [name, name] as const),
)

/** Applications build links from their Host, and may read another one than we in these. */
const NO_HOST = /[\s,/\\?#@]/

/** Reads raw headers (name, value, name, value) in one pass: this runs for each request, so it makes no objects per header. */
export function readRequestHead(raw: readonly string[]): RequestHead {
  const head: RequestHead = {
    host: undefined,
    cookie: undefined,
    accept: undefined,
    secFetchMode: undefined,
    release: undefined,
    previewKey: undefined,
    contentLength: -1,
    isChunked: false,
    lines: '',
    forwardedFor: undefined,
    fault: null,
  }
  let named: Set<string> | null = null
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] ?? ''
    if (name.length !== 10 || name.toLowerCase() !== 'connection') continue
    const value = raw[i + 1] ?? ''
    if (value === 'keep-alive' || value === 'close') continue
    named ??= new Set()
    for (const token of value.toLowerCase().split(',')) named.add(token.trim())
  }
  let lines = ''
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] ?? ''
    const value = raw[i + 1] ?? ''
    const lower = name.toLowerCase()
    const kind = kinds.get(lower)
    if (kind === undefined) {
      if (name.charCodeAt(0) === 0x3a) continue
      if (named === null || !named.has(lower)) lines += `${name}: ${value}\r\n`
      continue
    }
    switch (kind) {
      case ':authority':
        head.host = value
        if (NO_HOST.test(value)) head.fault = 'the Host is none'
        lines += `Host: ${value}\r\n`
        break
      case 'host':
        if (head.host !== undefined && head.host !== value) head.fault = 'two Host headers'
        if (head.host !== undefined) break
        if (NO_HOST.test(value)) head.fault = 'the Host is none'
        head.host = value
        lines += `${name}: ${value}\r\n`
        break
      case 'cookie':
        head.cookie = head.cookie === undefined ? value : `${head.cookie}; ${value}`
        break
      case 'accept':
        head.accept = value
        lines += `${name}: ${value}\r\n`
        break
      case 'sec-fetch-mode':
        head.secFetchMode = value
        lines += `${name}: ${value}\r\n`
        break
      case RELEASE_HEADER:
        head.release = value
        break
      case PREVIEW_KEY_HEADER:
        head.previewKey = value
        break
      case 'content-length':
        if (head.contentLength >= 0) head.fault = 'two Content-Length headers'
        head.contentLength = /^\d{1,15}$/.test(value) ? Number(value) : -1
        if (head.contentLength < 0) head.fault = 'the Content-Length is no number'
        break
      case 'transfer-encoding':
        if (head.isChunked || value.toLowerCase() !== 'chunked') head.fault = `the transfer encoding is ${value}`
        head.isChunked = true
        break
      case 'x-forwarded-for':
        head.forwardedFor = head.forwardedFor === undefined ? value : `${head.forwardedFor}, ${value}`
        break
    }
  }
  if (head.isChunked && head.contentLength >= 0) head.fault = 'a Content-Length beside a Transfer-Encoding'
  // Cookies come in pieces over HTTP/2; the application gets one header.
  if (head.cookie !== undefined) lines += `Cookie: ${head.cookie}\r\n`
  if (head.isChunked) lines += 'Transfer-Encoding: chunked\r\n'
  else if (head.contentLength >= 0) lines += `Content-Length: ${head.contentLength}\r\n`
  head.lines = lines
  return head
}

/** A socket that serves both families shows IPv4 addresses so; applications compare them with plain ones. */
const MAPPED = '::ffff:'

/** The head that the application gets, complete with its empty line. */
export function upstreamHead(options: {
  readonly method: string
  readonly path: string
  readonly head: RequestHead
  readonly clientAddress: string
  readonly isSecure: boolean
  /** Further lines, such as those of an upgrade. */
  readonly extra?: string
}): string {
  const { method, path, head, clientAddress, isSecure, extra = '' } = options
  const address = clientAddress.startsWith(MAPPED) ? clientAddress.slice(MAPPED.length) : clientAddress
  const chain = head.forwardedFor === undefined ? address : `${head.forwardedFor}, ${address}`
  // HTTP/1.0 knows requests without a host; HTTP/1.1 wants the header, be it empty.
  const forwardedHost = head.host === undefined ? 'Host:' : `X-Forwarded-Host: ${head.host}`
  const forwarded = `X-Forwarded-For: ${chain}\r\nX-Forwarded-Proto: ${isSecure ? 'https' : 'http'}\r\n${forwardedHost}\r\n`
  return `${method} ${path} HTTP/1.1\r\n${head.lines}${extra}${forwarded}\r\n`
}
