import type { z } from 'zod'
import type { EdgeSettings } from '../edge/edge-settings.ts'
import type { ReleaseTarget } from '../model/release.ts'

/** The half of a target that the configuration knows: pure, and without the means to act. */
export interface TargetSettings {
  readonly name: string
  /** What users write as `target: { name, … }`: a strict object with `name` as a literal. */
  readonly schema: z.ZodObject<{ name: z.ZodLiteral<string> } & Record<string, z.ZodType>>
  /** Every default filled in. The document is valid; the router's settings are the project's. */
  resolve(
    document: Readonly<Record<string, unknown>>,
    given: { readonly edge: EdgeSettings },
  ): ReleaseTarget['settings']
}
