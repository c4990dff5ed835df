import { isSluiceError, SluiceError } from '../model/error.ts'
import type { Home } from '../support/home.ts'
import type { CliOptions } from './cli-options.ts'
import type { Answer, Command, Context } from './command.ts'
import { commands } from './commands/index.ts'
import { type Globals, makeContext } from './context.ts'
import { unlessInterrupted } from './interruption.ts'
import { knownError } from './known-error.ts'
import { logTail } from './log-tail.ts'
import { parse } from './parse.ts'
import { readable } from './words.ts'

/** Runs one command; answers the exit code when everything was printed. */
export async function runCli(options: CliOptions): Promise<number> {
  // Known before the arguments are: also a refusal of the arguments is one document.
  const isJson = options.argv.includes('--json')
  const isNdjson =
    options.argv.some((word, index) => word === 'ndjson' && options.argv[index - 1] === '--output') ||
    options.argv.includes('--output=ndjson')
  let home: Home | null = null
  try {
    const parsed = parse(options.argv, commands)
    if (parsed.kind === 'text') {
      print(options, { json: { status: 'ok', text: parsed.text }, text: parsed.text }, isJson || isNdjson)
      return 0
    }
    const globals: Globals = parsed.globals
    const context = makeContext(options, globals)
    home = context.home
    assertHere(parsed.command, context)
    const { load, interruptMs } = parsed.command
    const handler = await load()
    const answer = await unlessInterrupted(
      handler({ args: parsed.args, options: parsed.options }, context),
      options.interrupted,
      undefined,
      interruptMs,
    )
    print(options, answer, isJson || isNdjson)
    return answer.exitCode ?? 0
  } catch (error) {
    return printError(options, error, home, isJson || isNdjson)
  }
}

function assertHere({ name, isOfThisMachine }: Command, { remote }: Context): void {
  if (remote === null || isOfThisMachine !== true) return
  throw new SluiceError('USAGE', `sluice ${name} is about the machine that it runs on, not about ${remote}`, {
    hint: 'run it on that machine, or without --url and SLUICE_URL',
  })
}

function print({ stdout }: CliOptions, answer: Answer, isMachine: boolean): void {
  if (isMachine) stdout.write(`${JSON.stringify({ v: 1, ...answer.json })}\n`)
  else if (answer.text !== '') stdout.write(`${readable(answer.text)}\n`)
}

function printError(options: CliOptions, error: unknown, home: Home | null, isMachine: boolean): number {
  const { stdout, stderr, argv, interrupted } = options
  const known = knownError(error, home, interrupted)
  const { code, message, hint, problems, details } = known.toJSON()
  if (isMachine) {
    stdout.write(
      `${JSON.stringify({ v: 1, status: 'error', code, message, hint: hint ?? null, problems: problems ?? [], ...(details === undefined ? {} : { details }) })}\n`,
    )
  } else {
    const write = (line: string) => stderr.write(`${readable(line)}\n`)
    write(`error: ${message} (${code})`)
    for (const problem of problems ?? []) {
      const seen = problem.seen === undefined ? '' : `; seen: ${problem.seen}`
      write(`  ${problem.path}: ${problem.message}${seen}${problem.hint === undefined ? '' : ` → ${problem.hint}`}`)
    }
    for (const line of logTail(details)) write(`  | ${line}`)
    if (hint !== undefined) write(`hint: ${hint}`)
  }
  if ((argv.includes('-v') || argv.includes('--verbose')) && !isSluiceError(error) && error instanceof Error)
    stderr.write(`${error.stack}\n`)
  return known.exitCode
}
