import { SluiceError } from '../../../model/error.ts'

/** Head of an application's answer, without what belongs to its connection alone. */
export interface ResponseHead {
  readonly status: number
  readonly message: string
  /** Name, value, name, value: as they came, so that two cookies stay two. */
  readonly headers: string[]
}

export interface ResponseEvents {
  onHead(head: ResponseHead): void
  onBody(chunk: Buffer): void
  /** `trailers`: name, value, name, value; null when there were none. */
  onEnd(trailers: readonly string[] | null): void
}

const MAX_HEAD_BYTES = 256 * 1024
const MAX_CHUNK_LINE_BYTES = 4096
const END_OF_HEAD = Buffer.from('\r\n\r\n')

type Framing = 'head' | 'length' | 'chunk-size' | 'chunk-data' | 'chunk-end' | 'trailers' | 'until-close' | 'done'

/**
 * Reads the answers of one connection to an application, one after another. Throws when the bytes are no HTTP/1:
 * the connection is worthless then.
 */
export class ResponseParser {
  readonly #events: ResponseEvents
  #framing: Framing = 'head'
  #isHead = false
  #left = 0
  #rest: Buffer | null = null
  #keepAlive = true
  #chunked = false
  #length = -1

  constructor(events: ResponseEvents) {
    this.#events = events
  }

  /** Gets ready for the answer to a request of this method. */
  expect(method: string): void {
    this.#framing = 'head'
    this.#isHead = method === 'HEAD'
    this.#rest = null
  }

  /** True when the answer is complete and the application keeps the connection open. */
  get isReusable(): boolean {
    return this.#framing === 'done' && this.#keepAlive
  }

  get isDone(): boolean {
    return this.#framing === 'done'
  }

  execute(data: Buffer): void {
    let chunk = this.#rest === null ? data : Buffer.concat([this.#rest, data])
    this.#rest = null
    while (chunk.length > 0) {
      const used = this.#step(chunk)
      if (used < 0) {
        this.#rest = chunk
        return
      }
      chunk = chunk.subarray(used)
    }
  }

  /** The application has closed its side; true when that was the proper end of an answer. */
  finish(): boolean {
    if (this.#framing !== 'until-close') return this.#framing === 'done'
    this.#end(null)
    return true
  }

  /** Bytes used; -1 when more are needed. */
  #step(chunk: Buffer): number {
    switch (this.#framing) {
      case 'head':
        return this.#readHead(chunk)
      case 'length':
      case 'chunk-data':
        return this.#readData(chunk)
      case 'until-close':
        this.#events.onBody(chunk)
        return chunk.length
      case 'chunk-size':
        return this.#readChunkSize(chunk)
      case 'chunk-end':
        if (chunk.length < 2) return -1
        if (chunk[0] !== 13 || chunk[1] !== 10) throw malformed('a chunk does not end where it says')
        this.#framing = 'chunk-size'
        return 2
      case 'trailers':
        return this.#readTrailers(chunk)
      case 'done':
        throw malformed('bytes after the end of the answer')
    }
  }

  #readHead(chunk: Buffer): number {
    const end = chunk.indexOf(END_OF_HEAD)
    if (end < 0) {
      if (chunk.length > MAX_HEAD_BYTES) throw malformed('the head is too large')
      if (chunk.includes('\n\n')) throw malformed('its lines end without a carriage return')
      return -1
    }
    const head = this.#parseHead(chunk.toString('latin1', 0, end))
    // Nobody asked for another protocol here: a tunnel reads its answers itself.
    if (head.status === 101) throw malformed('it switches the protocol')
    if (head.status < 200) return end + 4
    this.#events.onHead(head)
    if (this.#isHead || head.status === 204 || head.status === 304) this.#end(null)
    else if (this.#chunked) this.#framing = 'chunk-size'
    else if (this.#length === 0) this.#end(null)
    else if (this.#length > 0) {
      this.#framing = 'length'
      this.#left = this.#length
    } else {
      this.#framing = 'until-close'
      this.#keepAlive = false
    }
    return end + 4
  }

  #parseHead(text: string): ResponseHead {
    let lineEnd = text.indexOf('\r\n')
    if (lineEnd < 0) lineEnd = text.length
    if (!text.startsWith('HTTP/1.') || text.charCodeAt(8) !== 32) throw malformed('the answer is not HTTP/1')
    const status = Number(text.slice(9, 12))
    if (!(status >= 100 && status <= 999)) throw malformed('the answer has no status')
    const message = text.slice(13, lineEnd)
    this.#keepAlive = text.charCodeAt(7) === 49
    this.#chunked = false
    this.#length = -1
    const headers: string[] = []
    let named: string[] | null = null
    while (lineEnd < text.length) {
      const from = lineEnd + 2
      lineEnd = text.indexOf('\r\n', from)
      if (lineEnd < 0) lineEnd = text.length
      const colon = text.indexOf(':', from)
      if (colon <= from || colon >= lineEnd) throw malformed('a header has no name')
      const name = text.slice(from, colon)
      const value = withoutBlanks(text, colon + 1, lineEnd)
      const tokens = this.#note(name, value)
      if (tokens === null) headers.push(name, value)
      else if (tokens !== '') named = [...(named ?? []), ...tokens.toLowerCase().split(',')]
    }
    if (status === 204 || (this.#chunked && this.#length >= 0)) {
      this.#length = -1
      return { status, message, headers: without(headers, ['content-length', ...(named ?? [])]) }
    }
    return { status, message, headers: named === null ? headers : without(headers, named) }
  }

  /** Null: the header goes on to the client. Else it belongs to this connection; a text names more such headers. */
  #note(name: string, value: string): string | null {
    if (isOurs(name)) return ''
    switch (name.length) {
      case 10:
        if (isNamed(name, 'connection')) {
          if (/\bclose\b/i.test(value)) this.#keepAlive = false
          else if (/\bkeep-alive\b/i.test(value)) this.#keepAlive = true
          return /^(?:keep-alive|close)$/i.test(value) ? '' : value
        }
        return isNamed(name, 'keep-alive') ? '' : null
      case 7:
        return isNamed(name, 'upgrade') ? '' : null
      case 14: {
        if (!isNamed(name, 'content-length')) return null
        const length = /^\d{1,15}$/.test(value) ? Number(value) : -1
        if (length < 0 || (this.#length >= 0 && this.#length !== length)) throw malformed('two lengths, or none')
        if (this.#length === length) return ''
        this.#length = length
        return null
      }
      case 16:
        return isNamed(name, 'proxy-connection') ? '' : null
      case 17:
        if (!isNamed(name, 'transfer-encoding')) return null
        if (value.toLowerCase() !== 'chunked') throw malformed(`transfer encoding ${value}`)
        this.#chunked = true
        return ''
      default:
        return null
    }
  }

  #readData(chunk: Buffer): number {
    const whole = chunk.length <= this.#left
    const used = whole ? chunk.length : this.#left
    this.#left -= used
    this.#events.onBody(whole ? chunk : chunk.subarray(0, used))
    if (this.#left === 0) {
      if (this.#framing === 'length') this.#end(null)
      else this.#framing = 'chunk-end'
    }
    return used
  }

  #readChunkSize(chunk: Buffer): number {
    const end = chunk.indexOf('\r\n')
    if (end < 0) {
      if (chunk.length > MAX_CHUNK_LINE_BYTES) throw malformed('a chunk has no size')
      return -1
    }
    const size = /^([0-9a-f]{1,12})[ \t]*(?:;|$)/i.exec(chunk.toString('latin1', 0, end))?.[1]
    if (size === undefined) throw malformed('a chunk has no size')
    this.#left = Number.parseInt(size, 16)
    this.#framing = this.#left === 0 ? 'trailers' : 'chunk-data'
    return end + 2
  }

  #readTrailers(chunk: Buffer): number {
    if (chunk[0] === 13 && chunk[1] === 10) {
      this.#end(null)
      return 2
    }
    const end = chunk.indexOf(END_OF_HEAD)
    if (end < 0) {
      if (chunk.length > MAX_HEAD_BYTES) throw malformed('the trailers are too large')
      return -1
    }
    const trailers = chunk
      .toString('latin1', 0, end)
      .split('\r\n')
      .flatMap((line) => {
        const colon = line.indexOf(':')
        return colon <= 0 ? [] : [line.slice(0, colon), withoutBlanks(line, colon + 1, line.length)]
      })
    this.#end(trailers)
    return end + 4
  }

  #end(trailers: readonly string[] | null): void {
    this.#framing = 'done'
    this.#events.onEnd(trailers)
  }
}

/** Not `trim`: that takes a byte 0xA0 for a blank too, and it is the last one of an `à` in UTF-8. */
function withoutBlanks(text: string, from: number, to: number): string {
  let [start, end] = [from, to]
  while (start < end && isBlank(text.charCodeAt(start))) start++
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9
}

function isNamed(name: string, lower: string): boolean {
  return name === lower || name.toLowerCase() === lower
}

/** `x-sluice-error` tells our answers from the application's: no application may send it. */
function isOurs(name: string): boolean {
  return (name.charCodeAt(0) | 32) === 120 && /^x-sluice-/i.test(name)
}

function without(headers: readonly string[], names: readonly string[]): string[] {
  const removed = new Set(names.map((name) => name.trim()))
  const kept: string[] = []
  for (let i = 0; i < headers.length; i += 2) {
    const [name = '', value = ''] = [headers[i], headers[i + 1]]
    if (!removed.has(name.toLowerCase())) kept.push(name, value)
  }
  return kept
}

function malformed(what: string): SluiceError {
  return new SluiceError('UNEXPECTED', `the application's answer is malformed: ${what}`)
}
