import { SluiceError } from '../../model/error.ts'
import { canShareSchema } from '../../model/release.ts'
import { go, type Rule } from './rule.ts'

/** While the traffic moves both releases work on one database: some version of its schema has to do for both. */
export const schema: Rule = {
  name: 'schema',
  check: ({ coming, serving }) => {
    if (coming === null || serving === null || canShareSchema(coming.schema, serving.schema)) return go
    const refuse = new SluiceError(
      'STATE_CONFLICT',
      `no version of the schema does for both ${coming.id} and ${serving.id}, which serves`,
      { hint: 'deploy a release in between, which works with the schema of both' },
    )
    return { refuse }
  },
}
