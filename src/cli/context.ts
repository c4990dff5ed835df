import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { clientFor, ensureControlPlane } from '../control/start.ts'
import { SluiceError } from '../model/error.ts'
import { homeAt } from '../support/home.ts'
import { userName } from '../support/user-name.ts'
import type { CliOptions } from './cli-options.ts'
import type { Context } from './command.ts'
import { assertNotInterrupted, interruptedError, unlessInterrupted } from './interruption.ts'
import { livingHere } from './living-here.ts'
import type { Terminal } from './progress/view.ts'
import { remoteClient, remoteUrl } from './remote.ts'
import { readable } from './words.ts'

export interface Globals {
  readonly home?: string
  readonly config?: string
  readonly json?: boolean
  readonly output?: string
  readonly input?: boolean
  readonly color?: boolean
  readonly verbose?: boolean
  readonly url?: string
}

export function makeContext(options: CliOptions, globals: Globals): Context {
  const { environment, stdin, stdout, stderr, cwd, execPath } = options
  const home = homeAt(resolve(cwd, globals.home ?? environment.SLUICE_HOME ?? defaultHome(options)))
  if (globals.output !== undefined && globals.output !== 'ndjson') {
    throw new SluiceError('USAGE', `--output ${globals.output} is not known`, { hint: 'write --output ndjson' })
  }
  const output = globals.output === 'ndjson' ? 'ndjson' : globals.json === true ? 'json' : 'text'
  let sayAbove: ((line: string) => void) | null = null
  const say = (line: string) => {
    if (sayAbove === null) stderr.write(`${readable(line)}\n`)
    else sayAbove(line)
  }
  const ensure = async (edge?: string) => {
    assertNotInterrupted(options.interrupted)
    const started = ensureControlPlane({
      homeRoot: home.root,
      execPath,
      environment,
      onStart: () => say('starting the control plane …'),
      ...(edge === undefined ? {} : { edge }),
    })
    return unlessInterrupted(started, options.interrupted, whileStarting, 0)
  }
  const divert = (to: typeof sayAbove) => {
    sayAbove = to
  }
  const remote = remoteUrl(globals.url, environment)
  const label = environment.SLUICE_USER ?? userName()
  return {
    cwd,
    home,
    remote,
    label,
    configFile: globals.config,
    output,
    isInteractive:
      globals.input !== false && output === 'text' && stdin.isTTY && stderr.isTTY && environment.CI === undefined,
    terminal:
      globals.input !== false && output === 'text' ? terminalOf(options, globals.color !== false, divert) : null,
    isVerbose: globals.verbose === true,
    environment,
    execPath,
    interrupted: options.interrupted,
    say,
    print: (line) => stdout.write(`${line}\n`),
    emit: (type, data) => {
      if (output === 'ndjson') stdout.write(`${JSON.stringify({ v: 1, type, ...data })}\n`)
    },
    connect: async ({ start = false, edge } = {}) => {
      if (remote !== null) return remoteClient(remote, label, environment)
      const living = start ? await ensure(edge) : await livingHere(home)
      if (living === null) {
        throw new SluiceError('CONTROL_PLANE_UNREACHABLE', `no control plane runs on ${home.root}`, {
          hint: 'start it with `sluice up`; another home is chosen with --home or SLUICE_HOME',
        })
      }
      return clientFor(home, living, label, start ? () => ensure(edge) : null)
    },
    confirm: (question) => confirmed(options, question),
    askSecret: (question) => secretAsked(options, question),
    readInput: async () => (stdin.isTTY ? null : text(stdin)),
  }
}

function whileStarting(): SluiceError {
  return interruptedError(
    'interrupted while the control plane started: nothing was asked of it',
    'it may go on starting: see `sluice status`, stop it with `sluice down`',
  )
}

/** Loaded when it is asked: the prompts are half of a command's start. */
async function confirmed({ stdin, stderr, interrupted }: CliOptions, question: string): Promise<boolean> {
  const { confirm, isCancel } = await import('@clack/prompts')
  const answer = await confirm({ message: question, input: stdin, output: stderr, signal: interrupted })
  if (isCancel(answer)) throw interruptedError('interrupted: nothing was answered', 'run it again, or with --yes')
  return answer
}

async function secretAsked({ stdin, stderr, interrupted }: CliOptions, question: string): Promise<string> {
  const { password, isCancel } = await import('@clack/prompts')
  const answer = await password({ message: question, input: stdin, output: stderr, signal: interrupted })
  if (isCancel(answer)) throw interruptedError('interrupted: nothing was answered', 'run it again')
  return answer
}

function terminalOf(
  { stderr, environment }: CliOptions,
  mayColor: boolean,
  divert: Terminal['divert'],
): Terminal | null {
  if (!stderr.isTTY || environment.CI !== undefined || environment.TERM === 'dumb') return null
  return {
    write: (text) => stderr.write(text),
    // A terminal that was never told its size says 0.
    columns: () => (stderr.columns > 0 ? stderr.columns : 80),
    rows: () => (stderr.rows > 0 ? stderr.rows : 24),
    onResize: (listener) => {
      stderr.on('resize', listener)
      return () => stderr.off('resize', listener)
    },
    divert,
    hasColor: mayColor && (environment.NO_COLOR === undefined || environment.NO_COLOR === ''),
  }
}

function defaultHome({ environment, platform }: CliOptions): string {
  const { HOME = '/', XDG_DATA_HOME, LOCALAPPDATA } = environment
  // Unprivileged processes of ours must be able to enter: below /root they could not.
  if (platform === 'linux' && process.getuid?.() === 0) return '/var/lib/sluice'
  if (platform === 'darwin') return join(HOME, 'Library', 'Application Support', 'sluice')
  if (platform === 'win32' && LOCALAPPDATA !== undefined) return join(LOCALAPPDATA, 'sluice')
  return join(XDG_DATA_HOME ?? join(HOME, '.local', 'share'), 'sluice')
}
