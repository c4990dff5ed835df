import { type AddressInfo, createServer, type Socket } from 'node:net'

export interface RingEvents {
  /** Answers with the worker that the line is from, if it tells. */
  readonly onLine: (line: string) => number | null
  /** A connection ended: what was on its way in it is lost. */
  readonly onGap: (worker: number | null) => void
}

export interface RingLog {
  readonly port: number
  close(): Promise<void>
}

/**
 * Takes the log that HAProxy's workers send over a stream socket. While nobody listens HAProxy keeps 16 MB of it, so
 * an agent that was away for seconds misses nothing.
 * `port` is the one that HAProxy knows already; another one is taken, which costs a reload, when a stranger has it.
 */
export async function listenToRing(port: number, events: RingEvents): Promise<RingLog> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    let rest = ''
    let worker: number | null = null
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) worker = events.onLine(line) ?? worker
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      sockets.delete(socket)
      events.onGap(worker)
    })
  })
  const listen = (wanted: number) =>
    new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(wanted, '127.0.0.1', () => {
        server.off('error', reject)
        resolve()
      })
    })
  await listen(port).catch(() => listen(0))
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}
