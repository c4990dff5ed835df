// `npm test`: the static checks, then every test.
import { spawnSync } from 'node:child_process'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '..')
const filters = process.argv.slice(2)
const node = process.execPath
if (filters.length === 0) {
  const { status } = spawnSync(node, [join(root, 'scripts', 'check.ts')], { cwd: root, stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}
const { status } = spawnSync(node, [join(root, 'node_modules', 'vitest', 'vitest.mjs'), 'run', ...filters], {
  cwd: root,
  stdio: 'inherit',
})
process.exitCode = status ?? 1
