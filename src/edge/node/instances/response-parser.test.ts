import { describe, expect, test } from 'vitest'
import { ResponseParser } from './response-parser.ts'

/** Feeds the bytes whole and in every possible cut into two, and one by one: the outcome must be the same. */
function parse(text: string, { method = 'GET', close = false } = {}) {
  const bytes = Buffer.from(text, 'latin1')
  const cuts: Buffer[][] = [[bytes], [...bytes].map((byte) => Buffer.from([byte]))]
  for (let at = 1; at < bytes.length; at++) cuts.push([bytes.subarray(0, at), bytes.subarray(at)])
  const outcomes = cuts.map((parts) => {
    const seen = { status: 0, headers: [] as string[], body: '', trailers: null as unknown, ended: 0 }
    const parser = new ResponseParser({
      onHead: ({ status, headers }) => Object.assign(seen, { status, headers }),
      onBody: (chunk) => (seen.body += chunk.toString('latin1')),
      onEnd: (trailers) => Object.assign(seen, { trailers, ended: seen.ended + 1 }),
    })
    parser.expect(method)
    for (const part of parts) parser.execute(part)
    const whole = close ? parser.finish() : parser.isDone
    return JSON.stringify({ ...seen, whole, reusable: parser.isReusable })
  })
  expect(new Set(outcomes).size).toBe(1)
  return JSON.parse(outcomes[0] ?? '')
}

describe('reading an answer', () => {
  test('with a length', () => {
    expect(parse('HTTP/1.1 200 OK\r\nX-A:  b \r\ncontent-length: 3\r\n\r\nabc')).toMatchObject({
      status: 200,
      headers: ['X-A', 'b', 'content-length', '3'],
      body: 'abc',
      ended: 1,
      reusable: true,
    })
  })

  test('in chunks, with trailers', () => {
    const text =
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nX-T: 1\r\n\r\n'
    expect(parse(text)).toMatchObject({ headers: [], body: 'abc0123456789', trailers: ['X-T', '1'], reusable: true })
    expect(parse('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n')).toMatchObject({
      body: '',
      ended: 1,
    })
  })

  test('that lasts until the connection closes', () => {
    expect(parse('HTTP/1.0 200 OK\r\n\r\nabc', { close: true })).toMatchObject({
      body: 'abc',
      whole: true,
      reusable: false,
    })
    expect(parse('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc', { close: true })).toMatchObject({
      whole: false,
      ended: 0,
    })
  })

  test('without a body: 204, 304, HEAD, after 100', () => {
    for (const status of [204, 304]) {
      expect(parse(`HTTP/1.1 ${status} X\r\ncontent-length: 5\r\n\r\n`)).toMatchObject({
        status,
        ended: 1,
        reusable: true,
      })
    }
    expect(parse('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n', { method: 'HEAD' })).toMatchObject({
      body: '',
      ended: 1,
    })
    expect(parse('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 C\r\ncontent-length: 0\r\n\r\n')).toMatchObject({
      status: 201,
    })
  })

  test('leaves out what belongs to the connection, and what it names', () => {
    const text =
      'HTTP/1.1 200 OK\r\nConnection: close, X-Hop\r\nx-hop: 1\r\nKeep-Alive: timeout=5\r\nUpgrade: h2c\r\nX: 1\r\nset-cookie: a\r\nset-cookie: b\r\ncontent-length: 0\r\n\r\n'
    expect(parse(text)).toMatchObject({
      headers: ['X', '1', 'set-cookie', 'a', 'set-cookie', 'b', 'content-length', '0'],
      reusable: false,
    })
  })

  test('a length beside chunks is dropped', () => {
    const text = 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n'
    expect(parse(text)).toMatchObject({ headers: [], body: 'a' })
  })

  test.each([
    'SSH-2.0-x\r\n\r\n',
    'HTTP/1.1 abc\r\n\r\n',
    'HTTP/1.1 200 OK\r\n: x\r\n\r\n',
    'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n',
    'HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n',
    'HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n',
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n',
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nab\r\n',
    'HTTP/1.1 204 X\r\n\r\nextra',
  ])('refuses %j', (text) => {
    expect(() => parse(text)).toThrow(/malformed/)
  })
})
