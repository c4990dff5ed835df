// `npm run check`: types, lint and format, all of them even when the first fails.
import { spawnSync } from 'node:child_process'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '..')
const bin = (name: string) => join(root, 'node_modules', '.bin', name)
const steps: readonly (readonly [string, readonly [string, ...string[]]])[] = [
  ['types', [bin('tsc'), '-p', root]],
  ['lint', [bin('oxlint'), '--type-aware', '--deny-warnings', 'src', 'bench', 'e2e', 'scripts']],
  ['format', [bin('biome'), 'check', '--linter-enabled=false', root]],
]
let failed = false
for (const [name, [file, ...args]] of steps) {
  const started = Date.now()
  const { status } = spawnSync(file, args, { cwd: root, stdio: 'inherit' })
  console.log(`${status === 0 ? 'ok  ' : 'FAIL'} ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)`)
  failed ||= status !== 0
}
process.exitCode = failed ? 1 : 0
