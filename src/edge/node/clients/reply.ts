import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerResponse } from 'node:http2'
import { ERROR_HEADER } from '../../assignment.ts'
import { type EdgeAnswerCode, edgeAnswerBody, edgeAnswers } from '../../edge-answers.ts'

/** Of HTTP/1, or what Node's compatibility layer makes of HTTP/2: the same calls, but for a few in this file. */
export type ClientRequest = IncomingMessage
export type ClientResponse = ServerResponse

function isHttp2(response: object): response is Http2ServerResponse {
  return 'stream' in response
}

/** Writes a head from flat headers; HTTP/2 wants an object, and no headers about connections. */
export function writeHead(response: ClientResponse, status: number, message: string, headers: string[]): void {
  if (!isHttp2(response)) {
    response.writeHead(status, message, headers)
    return
  }
  const compatible: Http2ServerResponse = response
  const byName: Record<string, string | string[]> = {}
  for (let i = 0; i < headers.length; i += 2) {
    const name = (headers[i] ?? '').toLowerCase()
    const value = headers[i + 1] ?? ''
    const known = byName[name]
    if (name === 'connection') continue
    byName[name] = known === undefined ? value : Array.isArray(known) ? [...known, value] : [known, value]
  }
  compatible.writeHead(status, byName)
}

/**
 * Sends the head although no body follows yet: an event stream is open when its head is there. Not by `flushHeaders`, which
 * takes the bytes of header values for characters and encodes them once more.
 */
export function flushHead(response: ClientResponse): void {
  if (!isHttp2(response)) response.write('', 'latin1')
}

/** Answers for the edge itself; a response that has begun can only be broken off. */
export function answerAsEdge(
  response: ClientResponse,
  code: EdgeAnswerCode,
  options: { readonly accept: string | undefined; readonly method: string; readonly close?: boolean },
): void {
  if (response.headersSent || response.destroyed) {
    breakOff(response)
    return
  }
  const { status } = edgeAnswers[code]
  const { contentType, text } = edgeAnswerBody(code, options.accept)
  const headers = ['content-type', contentType, 'content-length', String(Buffer.byteLength(text)), ERROR_HEADER, code]
  headers.push('cache-control', 'no-store')
  if (status === 503) headers.push('retry-after', '5')
  if (options.close === true) headers.push('connection', 'close')
  writeHead(response, status, '', headers)
  response.end(options.method === 'HEAD' ? undefined : text)
}

/** The client must see that the answer is not complete. */
export function breakOff(response: ClientResponse): void {
  if (isHttp2(response)) response.stream.close(2)
  else response.destroy()
}

/** For connections that never carried a readable request. */
export function rawAnswer(code: EdgeAnswerCode): string {
  const { status } = edgeAnswers[code]
  const { contentType, text } = edgeAnswerBody(code, undefined)
  return `HTTP/1.1 ${status} ${code}\r\nContent-Type: ${contentType}\r\nContent-Length: ${Buffer.byteLength(text)}\r\n${ERROR_HEADER}: ${code}\r\nConnection: close\r\n\r\n${text}`
}
