import { z } from 'zod'
import type { TargetSettings } from '../target-settings.ts'

/** What `target: { name: 'local' }` takes. */
export const localTargetSettings: TargetSettings = {
  name: 'local',
  schema: z.strictObject({ name: z.literal('local').meta({ description: 'Which place the other keys are for.' }) }),
  resolve: (_document, { edge }) => ({ edge }),
}
