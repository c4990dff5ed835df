// Entry of the command line: the only place that reads the environment and ends the process.
import { enableCompileCache } from 'node:module'
import { constants } from 'node:os'

enableCompileCache()
const interrupt = new AbortController()
let askedBy: NodeJS.Signals = 'SIGINT'
const leave = (signal: NodeJS.Signals) => {
  if (!interrupt.signal.aborted) askedBy = signal
  interrupt.abort()
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => leave(signal))

// A terminal that is gone reads nothing and types nothing.
const isGone = (error: NodeJS.ErrnoException) => error.code === 'EIO'
// A reader that had enough (`| head`) ends what is printed for it; the outcome of a command is not changed by it.
process.stdout.on('error', (error) => leave(isGone(error) ? 'SIGHUP' : 'SIGPIPE'))
process.stderr.on('error', (error) => {
  if (isGone(error)) leave('SIGHUP')
})
process.stdin.on('error', () => {})

const { runCli } = await import('./run-cli.ts')
const code = await runCli({
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
process.exitCode = code === 130 ? 128 + constants.signals[askedBy] : code
// Nothing that is still open (a stream of events, an idle connection) may keep a finished command alive.
process.stdout.write('', (error) => {
  if (error && 'code' in error && error.code === 'ENOSPC') {
    process.stderr.write('error: the answer could not be written: no space is left there\n')
    process.exit(code === 0 ? 1 : process.exitCode)
  }
  process.exit()
})
