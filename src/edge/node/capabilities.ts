import type { EdgeCapabilities } from '../edge.ts'

export const nodeCapabilities: EdgeCapabilities = {
  name: 'node',
  http2: true,
  trailers: true,
  webSocketRestartCode: true,
  sampleSeconds: 1,
  // Increments are handed out when they are asked for, tables take effect when they are applied.
  reactionMs: 50,
  perInstance: true,
}
