import { randomInt } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { SluiceError } from '../model/error.ts'
import { writeFileAtomic } from '../support/atomic-file.ts'

export function rememberedPort(file: string): number | null {
  try {
    const port = Number(readFileSync(file, 'utf8'))
    return Number.isInteger(port) && port > 0 && port < 65536 ? port : null
  } catch {
    return null
  }
}

/** Picks a free port and writes it down: addresses that were handed out stay valid over restarts. */
export async function chooseFreePort(file: string): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt++) {
    // Below the range that systems give to outgoing connections, or a client could sit on it after a reboot.
    const port = randomInt(16_000, 32_000)
    if (!(await isFree(port))) continue
    await writeFileAtomic(file, String(port))
    return port
  }
  throw new SluiceError('NO_PORT', 'no free port on 127.0.0.1 between 16000 and 32000 for PostgreSQL', {
    hint: 'see which programs listen there: ss -ltnp',
  })
}

export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: '127.0.0.1' }, () => server.close(() => resolve(true)))
  })
}
