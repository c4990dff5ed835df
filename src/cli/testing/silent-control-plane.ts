import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { identityOf } from '../../support/process-identity.ts'
import { shop } from './control-plane.ts'

/** A control plane that takes every request and answers none, beside a project. */
export async function silentControlPlane() {
  const root = await mkdtemp(join(tmpdir(), 'sluice-silent-'))
  const [home, project] = [join(root, 'home'), join(root, 'project')]
  const asked: string[] = []
  const server = createServer((request) => {
    asked.push(`${request.method} ${request.url}`)
    server.emit('asked')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await mkdir(join(home, 'control'), { recursive: true })
  await mkdir(project)
  await writeFile(join(project, 'sluice.config.json'), JSON.stringify(shop))
  await writeFile(
    join(home, 'control', 'control.json'),
    JSON.stringify({ ...identityOf(process.pid), port, version: '1.2.3' }),
  )
  await writeFile(join(home, 'control', 'token'), 'sluice_test', { mode: 0o600 })
  return {
    home,
    project,
    /** Everything that was asked so far, such as `GET /api/v1/environments`. */
    asked,
    /** Resolves at the next request. */
    nextRequest: () => once(server, 'asked').then(() => undefined),
    close: async () => {
      server.closeAllConnections()
      server.close()
      await rm(root, { recursive: true, force: true })
    },
  }
}
