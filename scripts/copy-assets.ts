// Second half of `npm run build`: what is no TypeScript but belongs beside it.
import { cpSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '..')
for (const file of readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })) {
  if (/\.(sql|sh|lua|json)$/.test(file)) cpSync(join(root, 'src', file), join(root, 'dist', file))
}
