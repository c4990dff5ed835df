import { describe, expect, test } from 'vitest'
import { readRequestHead, upstreamHead } from './request-head.ts'

const read = (...raw: string[]) => readRequestHead(raw)

describe('reading the head of a request', () => {
  test('finds what the edge must know and passes the rest as it is', () => {
    const ours = ['X-Sluice-Release', 'r1', 'X-Sluice-Preview-Key', 'k', 'X-Forwarded-For', '1.1.1.1']
    const theirs = [
      'Connection',
      'close, X-Private, Host',
      'X-Private',
      '1',
      'Host',
      'a',
      'Keep-Alive',
      'x',
      'TE',
      'trailers',
    ]
    const more = ['Upgrade', 'h2c', 'Expect', '100-continue', 'X-Forwarded-Proto', 'gopher', 'X-Forwarded-Host', 'evil']
    const head = read(...theirs, ...more, ...ours)
    expect(head.lines).toBe('Host: a\r\n')
    expect(head).toMatchObject({ release: 'r1', previewKey: 'k', forwardedFor: '1.1.1.1' })
  })

  test.each([
    ['Content-Length', '5', 'Content-Length', '5'],
    ['Content-Length', '5', 'Content-Length', '6'],
    ['Content-Length', '5', 'Transfer-Encoding', 'chunked'],
    ['Transfer-Encoding', 'chunked', 'Transfer-Encoding', 'chunked'],
    ['Transfer-Encoding', 'gzip, chunked', 'X', '1'],
    ['Content-Length', '+5', 'X', '1'],
    ['Host', 'a', 'Host', 'b'],
    ['Host', 'a, b', 'X', '1'],
    ['Host', 'a/b', 'X', '1'],
    ['Host', 'user@b', 'X', '1'],
  ])('finds fault with %s: %s beside %s: %s', (...raw) => {
    expect(read(...raw).fault).not.toBeNull()
  })

  test('of HTTP/2 makes one of HTTP/1', () => {
    const head = read(
      ':method',
      'GET',
      ':path',
      '/',
      ':authority',
      'a.example',
      ':scheme',
      'https',
      'cookie',
      'a=1',
      'cookie',
      'b=2',
    )
    expect(head.lines).toBe('Host: a.example\r\nCookie: a=1; b=2\r\n')
  })

  test('tells the application who asks and how', () => {
    const head = read('Host', 'a', 'X-Forwarded-For', '1.1.1.1')
    const text = upstreamHead({ method: 'GET', path: '/x', head, clientAddress: '2.2.2.2', isSecure: true })
    expect(text).toBe(
      'GET /x HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.1.1.1, 2.2.2.2\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: a\r\n\r\n',
    )
  })

  test('a client of HTTP/1.0 may name no host, and an IPv4 address is written as one', () => {
    const text = upstreamHead({
      method: 'GET',
      path: '/',
      head: read('Accept', '*/*'),
      clientAddress: '::ffff:10.0.0.1',
      isSecure: false,
    })
    expect(text).toBe(
      'GET / HTTP/1.1\r\nAccept: */*\r\nX-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Proto: http\r\nHost:\r\n\r\n',
    )
  })
})
