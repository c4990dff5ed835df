import { localTargetSettings } from './local/settings.ts'
import type { TargetSettings } from './target-settings.ts'

/** Every kind of place that a configuration may name. */
export const allTargetSettings: readonly [TargetSettings, ...TargetSettings[]] = [localTargetSettings]
