import { createHash } from 'node:crypto'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { BuildRequest } from './builder.ts'

/** Raise it when the same source and settings would give another artifact than before. */
const formatVersion = 2

/** Names everything that decides what a build gives. `source`: a git tree, or the manifest of a plain folder. */
export function buildKeyOf(
  source: string,
  request: Pick<BuildRequest, 'services' | 'env'>,
  nodeVersion: string,
): string {
  const services = request.services.map((service) => [
    service.name,
    service.directory,
    service.command ?? null,
    service.output ?? null,
    service.install,
    service.nodePath === undefined ? null : fileIdentity(join(service.nodePath, 'node')),
  ])
  const env = Object.entries(request.env).toSorted(([a], [b]) => (a < b ? -1 : 1))
  const facts = [formatVersion, source, services, env, nodeVersion, process.platform, process.arch]
  return createHash('sha256').update(JSON.stringify(facts)).digest('hex')
}

/** Asking a program for its version takes longer than all the rest: its file must do. */
function fileIdentity(file: string): string {
  const stat = statSync(file, { throwIfNoEntry: false })
  return stat === undefined ? `${file} absent` : `${file} ${stat.size} ${stat.mtimeMs}`
}
