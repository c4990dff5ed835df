import { rm } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { shortPath } from './layout.ts'

export interface RingLog {
  close(): Promise<void>
}

/**
 * Takes the log that HAProxy's workers send over a stream socket. While nobody listens HAProxy keeps 16 MB of it, so
 * an agent that was away for seconds misses nothing.
 */
export async function listenToRing(path: string, onLine: (line: string) => void): Promise<RingLog> {
  await rm(path, { force: true })
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    let rest = ''
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) onLine(line)
    })
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(shortPath(path), () => resolve())
  })
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}
