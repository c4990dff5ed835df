import { z } from 'zod'
import { count, duration, key, port, required, size } from './key.ts'

const certificate = z.strictObject({
  host: required(
    z
      .string()
      .regex(/^(?:\*\.)?(?!-)[a-z0-9-]+(?:\.[a-z0-9-]+)*$/)
      .meta({ form: { what: 'a host name in lower case', example: '*.example.com', label: 'host' } }),
    'Host name, or a wildcard such as `*.example.com`.',
  ),
  cert: required(z.string().min(1), 'PEM file with the certificate and its chain, relative to the project.'),
  key: required(z.string().min(1), 'PEM file with the private key, relative to the project.'),
})

const limits = z.strictObject({
  header: key(size, 'Whole request head; 431 above.', '64kB'),
  body: key(size, 'Request body; 413 above. `0B`: no limit.', '100MB'),
  headerTimeout: key(duration, 'Time for the request head to arrive; 408 after.', '15s'),
  bodyIdle: key(duration, 'Longest silence in the middle of a request body; 408 after.', '30s'),
  response: key(duration, 'Time to the first byte of the answer; 504 after. `0s`: no limit.', '60s'),
  keepAlive: key(duration, 'Idle connections of clients are closed after this.', '75s'),
  connections: key(count, 'Open client connections of a listener.', 10_000),
  holdQueue: key(z.number().int().min(0), 'Requests that may wait while no instance is ready; 503 above.', 1000),
  hold: key(duration, 'Longest wait of such a request; 503 after.', '15s'),
})

const listenerPort = z.union([port, z.literal(false)])

const shape = {
  http: key(listenerPort, 'Port for HTTP; `false`: none.', undefined, 'a free one from 8080 on, remembered'),
  https: key(listenerPort, 'Port for HTTPS; `false`: none.', undefined, 'none'),
  redirect: key(z.boolean(), 'Send HTTP clients to HTTPS.', undefined, 'true where there are both'),
  certificates: key(z.array(certificate), 'One per host; files are read again when they change.', []),
  limits: key(limits, 'Limits against abuse.'),
  keepAssets: key(z.number().int().min(0).max(100), 'Releases whose immutable assets stay served.', 3),
}

const edgeImplementation = z.enum(['node', 'haproxy'])

/** Of one environment: the implementation is the installation's and cannot differ. */
export const environmentEdge = z.strictObject(shape)

export const edge = z.union([
  edgeImplementation,
  z.strictObject({
    implementation: key(
      edgeImplementation,
      'Router of the whole installation; another one takes effect after `sluice down --all`.',
      undefined,
      'the one that runs, else `node`',
    ),
    ...shape,
  }),
])
