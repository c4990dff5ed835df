import type { EdgeSettings } from '../../edge/edge-settings.ts'
import type { ReleaseRecord } from '../../model/release.ts'

/** What a release on this machine has decided for the edge in front of it. */
export interface LocalSettings {
  readonly edge: EdgeSettings
}

export function localSettings({ target }: Pick<ReleaseRecord, 'target'>): LocalSettings {
  return target.settings as unknown as LocalSettings
}
