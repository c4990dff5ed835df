// `npm run generate`: everything in the repository that is made from the sources. Tests compare.
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { openApiText } from '../src/api/openapi-text.ts'
import { commands } from '../src/cli/commands/index.ts'
import { cliManual } from '../src/cli/docs.ts'
import { withReferenceTables } from '../src/config/reference.ts'

const root = resolve(import.meta.dirname, '..')
const files: readonly (readonly [string, string])[] = [
  ['src/api/openapi.json', openApiText()],
  ['docs/cli.md', cliManual(commands)],
  ['docs/configuration.md', withReferenceTables(readFileSync(join(root, 'docs/configuration.md'), 'utf8'))],
]
for (const [file, content] of files) {
  writeFileSync(join(root, file), content)
  console.log(file)
}
