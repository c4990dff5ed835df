import { createServer } from 'node:net'

/**
 * Below the ports that the kernel gives to outgoing connections and those that instances get: nobody takes one of these
 * by accident between our look and the program that listens on it.
 */
const range = { from: 10_000, to: 18_000 }
const given = new Set<number>()

/** A loopback port that nobody listens on just now, and that this process was not given before. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = range.from + Math.floor(Math.random() * (range.to - range.from))
    if (given.has(port)) continue
    given.add(port)
    if (await isFree(port)) return port
    if (given.size >= range.to - range.from) throw new Error('no free port')
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
