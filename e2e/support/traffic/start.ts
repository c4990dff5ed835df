import type { Client } from './client.ts'
import { endpointOf } from './endpoint.ts'
import { headerBytesClient } from './header-bytes-client.ts'
import { requestClient, slowClient } from './http-clients.ts'
import { http2Client } from './http2-client.ts'
import { startIsolated } from './isolated.ts'
import { Recorder } from './recorder.ts'
import { sseClient } from './sse-client.ts'
import type { ClientSpec, Traffic, TrafficOptions } from './traffic.ts'
import { uploadClient } from './upload-client.ts'
import { usersClient } from './users.ts'
import { websocketClient } from './websocket-client.ts'

/** Begins at once; ends with `stop()` or the signal. */
export async function startTraffic(options: TrafficOptions): Promise<Traffic> {
  return options.isolate === true ? startIsolated(options) : startHere(options)
}

export function startHere(options: TrafficOptions): Traffic {
  const {
    target,
    clients,
    requestsPerSecond,
    timeoutMs = 15_000,
    keepFailures = 50,
    keepFailuresOfClient,
    signal,
  } = options
  const recorder = new Recorder(keepFailures, keepFailuresOfClient)
  const end = new AbortController()
  const all = signal === undefined ? end.signal : AbortSignal.any([signal, end.signal])
  const shares = clients.reduce((sum, spec) => sum + shareOf(spec), 0)
  const running = Promise.all(
    clients.map((spec) =>
      clientFor(spec)({
        endpoint: endpointOf(spec.target ?? target),
        recorder,
        timeoutMs,
        signal: all,
        name: spec.name ?? spec.kind,
        headers: spec.headers ?? {},
        perSecond: shares === 0 ? 0 : (requestsPerSecond * shareOf(spec)) / shares,
      }),
    ),
  )
  running.catch(() => {}) // told by stop()
  return {
    stats: async (window) => recorder.stats(window),
    async stop() {
      end.abort()
      await running
      return recorder.stats()
    },
  }
}

/** 0 for those that set their own pace. */
function shareOf(spec: ClientSpec): number {
  switch (spec.kind) {
    case 'slow':
    case 'sse':
    case 'websocket':
    case 'upload':
      return 0
    default:
      return spec.share ?? 1
  }
}

function clientFor(spec: ClientSpec): Client {
  switch (spec.kind) {
    case 'keep-alive':
    case 'fresh':
    case 'post':
      return requestClient(spec)
    case 'slow':
      return slowClient(spec)
    case 'sse':
      return sseClient(spec)
    case 'websocket':
      return websocketClient(spec)
    case 'users':
      return usersClient(spec)
    case 'http2':
      return http2Client(spec)
    case 'upload':
      return uploadClient(spec)
    case 'header-bytes':
      return headerBytesClient(spec)
  }
}
