import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Screen } from '../src/cli/testing/screen.ts'
import { removeFolder } from '../src/support/remove-folder.ts'
import { type Installation, installation, must } from './support/installation.ts'

const bin = resolve(import.meta.dirname, '../bin/sluice')
const call = promisify(execFile)
const hasScript = await access('/usr/bin/script').then(
  () => true,
  () => false,
)
let place: Installation
beforeAll(async () => {
  place = await installation({ environments: { e: 'rolling', f: 'rolling', g: { name: 'blue-green', bake: '4s' } } })
  // The first release of an environment has nothing to bake against.
  must(await place.sluice('deploy', 'g'), 'succeeded')
})
afterAll(() => place?.remove())

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

const inPseudoTerminal = test.skipIf(!hasScript && process.env.CI !== 'true')

inPseudoTerminal('in a terminal a deployment is a picture drawn in place, in a CI job a line per change', async () => {
  const screen = await inTerminal(['deploy', 'e'])
  expect(screen).toContain('\u001b[?25l')
  expect(screen).toContain('\u001b[?25h')
  expect(screen).toContain('A\r\u001b[0J')
  expect(screen).toMatch(/✓ launch/)
  expect(screen).toContain('100 % on the new release')
  expect(screen).toMatch(/succeeded: .* is served by r\d+/)

  for (const variables of [{ CI: 'true' }, { TERM: 'dumb' }]) {
    const log = await inTerminal(['deploy', 'f'], variables)
    expect(log).not.toContain('\u001b[')
    expect(log).toMatch(/✓ launch: [12] instances ready/)
  }
})

inPseudoTerminal.each([
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)('%s while the picture is drawn gives the cursor back, and the deployment goes on', async (signal, code) => {
  const { pid, screen, exitCode, script } = await drawing('g', signal, 80, 24)
  await until(() => screen.text.some((line) => line.includes('100 % on the new release')))
  expect(screen.isCursorShown).toBe(false)
  process.kill(pid, signal)
  expect(await exitCode()).toBe(code)
  if (script.exitCode === null) await once(script, 'exit')
  expect(screen.isCursorShown).toBe(true)
  expect(screen.text.join('\n')).toMatch(/d\d+ goes on by itself/)
  expect(titles(screen)).toHaveLength(1)
  expect(await endOf('g')).toBe('succeeded')
})

inPseudoTerminal('a terminal that is closed takes the command line along, and the deployment goes on', async () => {
  const { screen, exitCode, script } = await drawing('g', 'closed', 80, 24)
  await until(() => screen.text.some((line) => line.includes('100 % on the new release')))
  script.kill('SIGKILL')
  expect(await exitCode()).toBe(129)
  expect(await endOf('g')).toBe('succeeded')
})

inPseudoTerminal('a window that is made small and large again shows one picture that fits', async () => {
  const { screen, tty, exitCode } = await drawing('g', 'resized', 90, 24)
  await until(() => screen.text.some((line) => line.includes('100 % on the new release')))
  for (const [columns, rows] of [
    [32, 24],
    [32, 5],
    [100, 30],
  ] as const) {
    const seen = screen.writes
    screen.resize(columns, rows)
    await call('stty', ['-F', tty, 'cols', String(columns), 'rows', String(rows)])
    await until(() => screen.writes > seen + 3)
    expect(titles(screen), `${columns} × ${rows}`).toHaveLength(1)
    expect(screen.text.length).toBeLessThan(rows)
  }
  expect(await exitCode()).toBe(0)
  expect(titles(screen)).toHaveLength(1)
  expect(screen.isCursorShown).toBe(true)
})

inPseudoTerminal.each([
  ['Ctrl-C', '\u0003', 130],
  ['no', 'n', 0],
] as const)('%s at the question of `init` writes nothing and gives the cursor back', async (_what, key, code) => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-ask-'))
  await writeFile(join(folder, 'package.json'), JSON.stringify({ name: 'shop', scripts: { start: 'node server.js' } }))
  await writeFile(join(folder, 'server.js'), '')
  const env: Record<string, string | undefined> = { ...process.env, SLUICE_HOME: place.home, TERM: 'xterm' }
  delete env.CI
  const command = `stty cols 80 rows 24; exec ${process.execPath} ${bin} init`
  const script = spawn('/usr/bin/script', ['-qec', command, '/dev/null'], { cwd: folder, env })
  let shown = ''
  script.stdout.on('data', (chunk: Buffer) => (shown += chunk.toString()))
  const ended = once(script, 'close')
  await until(() => shown.includes('Write the configuration?'))
  script.stdin.write(key)
  await ended
  expect(script.exitCode).toBe(code)
  expect(shown.lastIndexOf('\u001b[?25h')).toBeGreaterThanOrEqual(shown.lastIndexOf('\u001b[?25l'))
  expect(shown.includes('interrupted')).toBe(code === 130)
  expect(await readdir(folder)).toEqual(['package.json', 'server.js'])
  await removeFolder(folder)
})

test('completion knows the releases of a running control plane', async () => {
  must(await place.sluice('deploy', 'f'), 'succeeded')
  const { document } = await place.sluice('releases', 'f')
  const [latest] = document.releases as { record: { id: string }; deployment: string }[]
  const ofF = (await place.print('completion', 'releases', 'f')).stdout.trim().split('\n')
  expect(ofF[0]).toBe(latest?.record.id)
  expect((await place.print('completion', 'releases')).stdout.split('\n').length).toBeGreaterThanOrEqual(ofF.length)
  expect((await place.print('completion', 'releases', 'nowhere')).stdout.trim()).toBe('')

  const { stdout: shown } = await place.print('releases', 'show', ofF[0] ?? '')
  const replay = (await place.sluice('releases', 'show', ofF[0] ?? '')).document.replay
  if (replay === null) expect(shown).not.toContain('judge replay')
  else expect(shown).toContain(`sluice judge replay ${latest?.deployment}`)
})

function titles({ text }: Screen): readonly string[] {
  return text.filter((line) => /^d\d+ bench\.g ·/.test(line))
}

interface Drawing {
  readonly script: ChildProcess
  readonly pid: number
  /** The device of the pseudo-terminal. */
  readonly tty: string
  readonly screen: Screen
  readonly exitCode: () => Promise<number>
}

/** Deploys in a pseudo-terminal that stays ours while it draws. */
async function drawing(environment: string, name: string, columns: number, rows: number): Promise<Drawing> {
  await place.commit()
  const facts = join(place.home, `${name}.facts`)
  const result = join(place.home, `${name}.code`)
  const sluice = [process.execPath, bin, 'deploy', environment].join(' ')
  // The shell waits and writes down how it ended, also when the terminal goes away below it.
  const command = `trap : HUP TERM; stty cols ${columns} rows ${rows}; ${sluice} & pid=$!; echo "$pid $(tty)" > ${facts}; while kill -0 $pid 2>/dev/null; do wait $pid; code=$?; done; echo $code > ${result}`
  const env: Record<string, string | undefined> = { ...process.env, SLUICE_HOME: place.home, TERM: 'xterm' }
  delete env.CI
  const script = spawn('/usr/bin/script', ['-qc', command, '/dev/null'], { cwd: place.project, env })
  const screen = new Screen(columns, rows)
  script.stdout.setEncoding('utf8').on('data', (text: string) => screen.write(text))
  const [pid = '', tty = ''] = (await content(facts)).split(' ')
  return { script, pid: Number(pid), tty, screen, exitCode: async () => Number(await content(result)) }
}

async function content(file: string): Promise<string> {
  let text = ''
  await until(async () => (text = (await readFile(file, 'utf8').catch(() => '')).trim()) !== '')
  return text
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 40_000
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error('it did not come to that in time')
    await sleep(20)
  }
}

async function endOf(environment: string): Promise<string> {
  let state = ''
  await until(async () => {
    const { document } = await place.sluice('status', environment)
    const [one] = document.environments as { deployment: { state: string; running: boolean } }[]
    state = one?.deployment.state ?? ''
    return one?.deployment.running === false
  })
  return state
}
