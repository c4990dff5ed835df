import type { EdgeCapabilities } from '../edge.ts'

export const haproxyCapabilities: EdgeCapabilities = {
  name: 'haproxy',
  http2: true,
  trailers: true,
  // HAProxy passes WebSocket frames through unread, so it cannot say why it closes: clients see 1006.
  webSocketRestartCode: false,
  sampleSeconds: 1,
  // A request is logged at its end, read within the second; a change at run time takes some 20 ms.
  reactionMs: 1200,
  perInstance: true,
}
