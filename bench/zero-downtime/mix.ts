import type { Installation } from '../../e2e/support/installation.ts'
import type { ClientSpec } from '../../e2e/support/traffic/traffic.ts'

/** Of the two environments: one for answers that are over soon, one whose deployments have to wait for long uploads. */
export const QUICK = 'quick'
export const LONG = 'long'
/** Reached at loopback, and named to the edge as browsers do. */
export const SECURE_HOST = 'bench.localhost'

/** Longer than an upload takes, so that none is cut by a deployment that may not wait for it. */
export const LONG_DRAIN = '75s'
const UPLOAD_MS = 60_000

/** Every kind of client that the edges promise to spare. */
export function clientsOf(place: Installation): ClientSpec[] {
  const secure = `https://${SECURE_HOST}:${place.securePorts[QUICK]}`
  const long = `http://127.0.0.1:${place.ports[LONG]}`
  return [
    { kind: 'keep-alive', path: '/', share: 6, connections: 32 },
    { kind: 'fresh', path: '/', share: 1 },
    { kind: 'post', path: '/echo', share: 2, connections: 32 },
    { kind: 'header-bytes', path: '/bytes', share: 1 },
    { kind: 'http2', name: 'http2', target: secure, path: '/', share: 3 },
    { kind: 'http2', name: 'http2 post', target: secure, path: '/echo', body: '{"hello":"world"}', share: 1 },
    { kind: 'http2', name: 'http2 slow', target: secure, path: '/slow?ms=1000', share: 0.5 },
    { kind: 'http2', name: 'http2 events', target: secure, path: '/sse?ms=200&count=15', share: 0.1 },
    { kind: 'slow', path: '/slow?ms=1500', count: 4 },
    { kind: 'sse', path: '/sse?ms=100', count: 2 },
    { kind: 'sse', name: 'sse by post', method: 'POST', path: '/sse?ms=100', count: 2 },
    { kind: 'websocket', path: '/', count: 2 },
    { kind: 'upload', target: long, path: '/upload', count: 6, durationMs: UPLOAD_MS },
    { kind: 'sse', name: 'long sse by post', target: long, method: 'POST', path: '/sse?ms=500', count: 2 },
    { kind: 'keep-alive', name: 'long keep-alive', target: long, path: '/', share: 0.2 },
  ]
}
