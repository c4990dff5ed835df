import { execFile } from 'node:child_process'
import { access } from 'node:fs/promises'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Installation, installation } from '../bench/support/installation.ts'

const bin = resolve(import.meta.dirname, '../bin/sluice')
const call = promisify(execFile)
const hasScript = await access('/usr/bin/script').then(
  () => true,
  () => false,
)
let place: Installation
beforeAll(async () => {
  place = await installation({ environments: { e: 'rolling', f: 'rolling' } })
}, 60_000)
afterAll(() => place?.remove(), 60_000)

/** Runs the command line in a pseudo-terminal; answers what the screen got, both outputs together. */
async function inTerminal(args: readonly string[], variables: Readonly<Record<string, string>> = {}): Promise<string> {
  const env: Record<string, string | undefined> = {
    ...process.env,
    SLUICE_HOME: place.home,
    TERM: 'xterm',
    ...variables,
  }
  if (variables.CI === undefined) delete env.CI
  const command = [process.execPath, bin, ...args].join(' ')
  const { stdout } = await call('/usr/bin/script', ['-qec', command, '/dev/null'], { cwd: place.project, env })
  return stdout
}

test.skipIf(!hasScript && process.env.CI !== 'true')(
  'in a terminal a deployment is a picture drawn in place, in a CI job a line per change',
  async () => {
    const screen = await inTerminal(['deploy', 'e'])
    expect(screen).toContain('\u001b[?25l')
    expect(screen).toContain('\u001b[?25h')
    expect(screen).toContain('A\r\u001b[0J')
    expect(screen).toMatch(/✓ launch/)
    expect(screen).toContain('100 % on the new release')
    expect(screen).toMatch(/succeeded: .* is served by r1/)

    for (const variables of [{ CI: 'true' }, { TERM: 'dumb' }]) {
      const log = await inTerminal(['deploy', 'f'], variables)
      expect(log).not.toContain('\u001b[')
      expect(log).toMatch(/✓ launch: [12] instances ready/)
    }
  },
  90_000,
)
