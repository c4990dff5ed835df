import { z } from 'zod'
import { allTargetSettings } from '../../targets/all-settings.ts'
import type { TargetSettings } from '../../targets/target-settings.ts'

/** A name, or a name with the settings of that kind of place. */
function targetSchema(kinds: readonly [TargetSettings, ...TargetSettings[]]) {
  const names = kinds.map(({ name }) => name) as [string, ...string[]]
  const [first, ...rest] = kinds.map(({ schema }) => schema)
  return z.union([z.enum(names), ...(first === undefined ? [] : [first]), ...rest])
}

export const target = targetSchema(allTargetSettings)
