import { createServer } from 'node:net'
import { SluiceError } from '../../../model/error.ts'

/** Gives out loopback ports, each again only when all others were given out. */
export interface Ports {
  /** A free port that is not in `avoid` and was not given out lately. Throws `NO_PORT`. */
  pick(avoid: ReadonlySet<number>): Promise<number>
}

/**
 * Below the range that Linux takes the source ports of outgoing connections from (32768 and up): such a connection
 * could take a port between our test and the program's `listen`.
 */
const DEFAULT_RANGE = { from: 18_000, to: 32_000 }

export function freePorts(range: { readonly from: number; readonly to: number } = DEFAULT_RANGE): Ports {
  const size = range.to - range.from
  const given = new Set<number>()
  // A random place to begin keeps two installations on one machine apart.
  let next = Math.floor(Math.random() * size)
  return {
    async pick(avoid) {
      for (let tried = 0; tried < 2 * size; tried++) {
        // After a whole round those given out long ago may be had again: `avoid` names the ones in use.
        if (tried === size) given.clear()
        const port = range.from + next
        next = (next + 1) % size
        if (given.has(port) || avoid.has(port)) continue
        given.add(port)
        if (await isFree(port)) return port
      }
      throw new SluiceError('NO_PORT', `no port from ${range.from} to ${range.to} is free on this machine`, {
        hint: 'stop what uses them (`ss -ltnp` shows it)',
      })
    },
  }
}

/** Free on all addresses: a stranger on 0.0.0.0 would get the requests meant for 127.0.0.1 otherwise. */
export async function isFree(port: number): Promise<boolean> {
  return (await canListen(port, '127.0.0.1')) && (await canListen(port, '0.0.0.0')) && (await canListen(port, '::'))
}

function canListen(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.unref()
    server.once('error', (error: NodeJS.ErrnoException) => {
      // No such address family here: nobody else can have it either.
      resolve(error.code === 'EAFNOSUPPORT' || error.code === 'EADDRNOTAVAIL')
    })
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)))
  })
}
