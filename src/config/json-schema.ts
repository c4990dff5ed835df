import { z } from 'zod'
import { documentSchema } from './schema.ts'

/** JSON Schema (draft 2020-12) of what users write, for editors: `$schema` in a JSON or YAML configuration. */
export function configJsonSchema(): Readonly<Record<string, unknown>> {
  return z.toJSONSchema(documentSchema, {
    io: 'input',
    override: ({ jsonSchema }) => {
      // Ours, for messages and the reference; editors have no use for them.
      delete jsonSchema.form
      delete jsonSchema.defaultText
    },
  })
}
