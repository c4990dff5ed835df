import { createServer } from 'node:net'
import { networkInterfaces } from 'node:os'
import { SluiceError } from '../../../model/error.ts'
import { howToBind } from '../../../support/privileged-port.ts'

export function hasIpv6(): boolean {
  return Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ family }) => family === 'IPv6'))
}

/** Throws `PORT_TAKEN` when somebody else listens there: HAProxy would find out only after a reload. */
export function assertPortFree(port: number, host: string | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', (cause: NodeJS.ErrnoException) => {
      const why = cause.code === 'EACCES' ? 'needs more rights than the edge has' : 'is used by another program'
      reject(
        new SluiceError('PORT_TAKEN', `port ${port} ${why}`, {
          hint: cause.code === 'EACCES' ? howToBind(port) : `free port ${port} or configure another one`,
          details: { port },
          cause,
        }),
      )
    })
    probe.listen({ port, ...(host === undefined ? {} : { host }) }, () => probe.close(() => resolve()))
  })
}
