import type { EdgeSettings } from '../../edge/edge-settings.ts'
import type { ReleaseTarget } from '../../model/release.ts'
import { allTargetSettings } from '../../targets/all-settings.ts'
import type { EnvironmentDocument } from '../schema.ts'

/** Where an environment runs, with every default of that place filled in. */
export function resolveTarget(document: EnvironmentDocument['target'], edge: EdgeSettings): ReleaseTarget {
  const [standard] = allTargetSettings
  const { name, ...settings } = typeof document === 'object' ? document : { name: document ?? standard.name }
  const kind = allTargetSettings.find((each) => each.name === name) ?? standard
  return { name: kind.name, settings: kind.resolve(settings, { edge }) }
}
