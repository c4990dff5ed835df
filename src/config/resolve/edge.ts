import { resolve } from 'node:path'
import type { EdgeLimits, EdgeSettings } from '../../edge/edge-settings.ts'
import type { EdgeDocument } from '../schema.ts'
import { durationMs, sizeBytes } from '../units.ts'

/** Files are named from the project's folder; without one they stay as they are written. */
export function resolveEdge(edge: EdgeDocument, projectDir: string | null): EdgeSettings {
  const file = (path: string) => (projectDir === null ? path : resolve(projectDir, path))
  const httpsPort = portOf(edge.https)
  return {
    httpPort: portOf(edge.http),
    httpsPort,
    redirectToHttps: edge.redirect ?? (httpsPort !== null && edge.http !== false),
    certificates: (edge.certificates ?? []).map(({ host, cert, key }) => ({
      host,
      certFile: file(cert),
      keyFile: file(key),
    })),
    limits: limitsOf(edge.limits ?? {}),
  }
}

function limitsOf(limits: NonNullable<EdgeDocument['limits']>): EdgeLimits {
  return {
    headerBytes: sizeBytes(limits.header ?? '64kB'),
    bodyBytes: sizeBytes(limits.body ?? '100MB'),
    headersMs: durationMs(limits.headerTimeout ?? '15s'),
    bodyIdleMs: durationMs(limits.bodyIdle ?? '30s'),
    responseMs: durationMs(limits.response ?? '60s'),
    keepAliveMs: durationMs(limits.keepAlive ?? '75s'),
    connections: limits.connections ?? 10_000,
    holdQueue: limits.holdQueue ?? 1000,
    holdMs: durationMs(limits.hold ?? '15s'),
  }
}

function portOf(port: number | false | undefined): number | null {
  return port === undefined || port === false ? null : port
}
