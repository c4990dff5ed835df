import { existsSync } from 'node:fs'
import { join, resolve, sep } from 'node:path'
import type { RetainedAssets } from '../../../edge/edge.ts'
import { SluiceError } from '../../../model/error.ts'
import type { ReleaseRecord, ReleaseService } from '../../../model/release.ts'

/** The folder that a service's command runs in. */
export function workingFolder(tree: string, service: ReleaseService): string {
  return inside(tree, service.directory)
}

/** The folder that a static service serves. */
export function servedFolder(tree: string, service: ReleaseService): string {
  return found(tree, service, service.root ?? '')
}

/** Folders of immutable files, which outlive their release. */
export function assetsOf(tree: string, record: ReleaseRecord): readonly RetainedAssets[] {
  return record.services.flatMap((service) => {
    const { name, assets } = service
    if (assets === undefined) return []
    const directory = found(tree, service, assets.directory)
    return [{ release: record.id, service: name, path: assets.path, directory }]
  })
}

/** Named from the artifact's root; from the service's own folder where only that exists. */
function found(tree: string, service: ReleaseService, folder: string): string {
  const fromRoot = inside(tree, folder)
  const fromService = inside(tree, join(service.directory, folder))
  return !existsSync(fromRoot) && existsSync(fromService) ? fromService : fromRoot
}

function inside(tree: string, folder: string): string {
  const root = resolve(tree)
  const path = resolve(root, folder)
  if (path !== root && !path.startsWith(root + sep)) {
    throw new SluiceError('ARTIFACT_INVALID', `the folder ${folder} lies outside of the artifact`)
  }
  return path
}
