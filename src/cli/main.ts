// Entry of the command line: the only place that reads the environment and ends the process.
import { enableCompileCache } from 'node:module'

enableCompileCache()
const { runCli } = await import('./run-cli.ts')
const interrupt = new AbortController()
process.on('SIGINT', () => interrupt.abort())
process.exitCode = await runCli({
  argv: process.argv.slice(2),
  cwd: process.cwd(),
  environment: process.env,
  execPath: process.execPath,
  platform: process.platform,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  interrupted: interrupt.signal,
})
// Nothing that is still open (a stream of events, an idle connection) may keep a finished command alive.
process.stdout.write('', () => process.exit())
