import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { memoryUploads } from '../../api/testing/memory-uploads.ts'
import { servedApi, TOKEN } from '../../api/testing/served.ts'
import { localSources } from '../../sources/local-sources.ts'
import { identityOf } from '../../support/process-identity.ts'

/** The real API over an engine in memory, on a home where the command line finds it, beside a project to deploy. */
export async function testControlPlane(options: { readonly token?: string } = {}) {
  const root = await mkdtemp(join(tmpdir(), 'sluice-cli-'))
  const home = join(root, 'home')
  const project = join(root, 'project')
  await mkdir(join(home, 'control'), { recursive: true })
  await mkdir(project)
  const api = await servedApi()
  const sources = localSources({
    builds: join(home, 'builds'),
    uploads: memoryUploads(),
    environment: process.env,
    userEnvironment: {},
  })
  api.engine.evaluate = async (request) => (await sources.read(request, { knownDirectory: null })).order.config
  const record = { ...identityOf(process.pid), port: api.server.port, version: '1.2.3' }
  await writeFile(join(home, 'control', 'control.json'), JSON.stringify(record))
  await writeFile(join(home, 'control', 'token'), options.token ?? TOKEN, { mode: 0o600 })
  const configure = (document: unknown) => writeFile(join(project, 'sluice.config.json'), JSON.stringify(document))
  await configure(shop)
  return {
    home,
    project,
    configure,
    engine: api.engine,
    closeApi: () => api.close(),
    close: async () => {
      await api.close()
      await rm(root, { recursive: true, force: true })
    },
  }
}

export const shop = {
  project: 'shop',
  services: { web: { start: 'node server.js' } },
  environments: { production: { requireClean: false }, staging: {} },
}
