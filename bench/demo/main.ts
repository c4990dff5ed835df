// `npm run demo`: the whole way of an application through Sluice, in front of real traffic, by the real command line.
import { chmod, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { removeFolder } from '../../src/support/remove-folder.ts'
import { freePort } from '../../src/support/testing/free-port.ts'
import { demoConfig, demoTimes } from './config.ts'
import { Facts } from './facts.ts'
import { createHistory } from './history.ts'
import { runScenario } from './scenario.ts'
import { Sluice } from './sluice.ts'

const keep = process.argv.includes('--keep')
const interrupt = new AbortController()
// A second Ctrl-C does nothing more: it must not end this process before everything is stopped.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => interrupt.abort(new Error('interrupted')))
}
// Nor must a terminal or a reader that is gone.
process.stdout.on('error', () => interrupt.abort(new Error('interrupted')))
process.stderr.on('error', () => {})

const startedAt = performance.now()
const say = (line: string) => {
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0).padStart(4)
  for (const part of line.split('\n')) process.stdout.write(`${seconds} s  ${part}\n`)
}

// Short on purpose: unix sockets below it have a limit of about 100 characters.
const root = await mkdtemp(join(tmpdir(), 'sluice-demo-'))
// PostgreSQL does not run as root: where its user may enter, its files stay here and go with the rest.
await chmod(root, 0o711)
const home = join(root, 'home')
const project = join(root, 'plaza')
const port = await freePort()
const facts = new Facts()
const sluice = new Sluice({ home, projectDir: project, signal: interrupt.signal })
let stopped = false

/** Also after a failure or Ctrl-C: nothing of ours stays behind. */
async function stopEverything(): Promise<void> {
  if (stopped) return
  stopped = true
  const down = new Sluice({ home, projectDir: project, signal: AbortSignal.timeout(120_000) })
  const { code, stderr } = await down.json(['down', '--all'])
  if (code !== 0) say(`sluice down --all failed (exit code ${code}): ${stderr}`)
  facts.check('everything is stopped', code === 0)
  if (code === 0) await removeFolder(root)
}

try {
  say('Sluice: one application, four releases, real traffic')
  say(
    `shortened for this demonstration: observed for ${demoTimes.observe}, ${demoTimes.bake} of bake (else 5 and 10 min)`,
  )
  const { commits } = await createHistory(project, { config: demoConfig(port) })
  await runScenario({ sluice, project, commits, facts, say, signal: interrupt.signal })
  if (keep) {
    say(`left running: http://127.0.0.1:${port}/ and its control plane`)
    say(`look around: cd ${project} && SLUICE_HOME=${home} sluice status`)
    say(`stop it:     cd ${project} && SLUICE_HOME=${home} sluice down --all && chmod -R u+w ${root} && rm -r ${root}`)
  }
} catch (error) {
  facts.check('the story was told to its end', false, error instanceof Error ? error.message : String(error))
} finally {
  if (!keep || interrupt.signal.aborted) await stopEverything()
}

say('')
for (const line of facts.lines()) say(line)
say(facts.allSeen ? 'all of it was seen' : 'not all of it was seen')
process.exitCode = facts.allSeen ? 0 : interrupt.signal.aborted ? 130 : 1
