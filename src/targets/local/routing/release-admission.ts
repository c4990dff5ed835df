import { isSluiceError } from '../../../model/error.ts'
import type { ReleaseRecord } from '../../../model/release.ts'
import type { InstanceLauncher } from '../instances/instance-launcher.ts'
import type { LocalTargetOptions } from '../local-context.ts'
import type { EnvironmentStore, StoredRelease } from '../records/environment-store.ts'
import { assetsOf } from './release-files.ts'
import { isRouted } from './route-table.ts'
import type { Traffic } from './traffic.ts'

const PORT_ATTEMPTS = 3

/**
 * Makes a release known here and to the edge, without instances and without traffic: what the edge refuses (routes,
 * certificates, ports) is refused before anything is started, and instances find their siblings' URLs from the first
 * moment on.
 */
export async function admitRelease(
  record: ReleaseRecord,
  parts: Pick<LocalTargetOptions, 'files' | 'previewKeyOf'> & {
    readonly store: EnvironmentStore
    readonly traffic: Traffic
    readonly launcher: InstanceLauncher
    readonly signal: AbortSignal
  },
): Promise<void> {
  const { store, traffic, launcher, signal } = parts
  const { environment, id } = record
  const known = store.release(environment, id)
  if (known !== null) return
  const tree = await parts.files(record.artifact)
  const previewKey = await parts.previewKeyOf?.(environment)
  for (let attempt = 1; ; attempt++) {
    const internalPorts = await launcher.internalPorts(record.services.filter(isRouted).map(({ name }) => name))
    await remember({ record, tree, desired: [], internalPorts }, store, previewKey)
    try {
      return await traffic.apply(environment, { signal })
    } catch (error) {
      await forget(record, store)
      const isPort = isSluiceError(error) && (error.code === 'PORT_TAKEN' || error.code === 'ROUTE_CONFLICT')
      const isInternal =
        isPort && Object.values(internalPorts).some((port) => new RegExp(`\\b${port}\\b`).test(error.message))
      if (!isInternal || attempt >= PORT_ATTEMPTS) throw error
    }
  }
}

async function remember(
  release: StoredRelease,
  store: EnvironmentStore,
  previewKey: string | undefined,
): Promise<void> {
  await store.update(release.record.environment, (stored) => ({
    ...stored,
    ...(previewKey === undefined ? {} : { previewKey }),
    releases: [...stored.releases, release],
    assets: [
      ...assetsOf(release.tree, release.record),
      ...stored.assets.filter((assets) => assets.release !== release.record.id),
    ],
  }))
}

async function forget(record: ReleaseRecord, store: EnvironmentStore): Promise<void> {
  await store.update(record.environment, (stored) => ({
    ...stored,
    releases: stored.releases.filter((each) => each.record.id !== record.id),
    assets: stored.assets.filter((assets) => assets.release !== record.id),
  }))
}
