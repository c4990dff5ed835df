import { CommanderError, Command as Parser, Option as ParserOption } from 'commander'
import { SluiceError } from '../model/error.ts'
import { nearest } from '../support/nearest.ts'
import { version } from '../support/version.ts'
import type { Command, Input, Option } from './command.ts'
import type { Globals } from './context.ts'

/** Known to every command. */
export const globalOptions: readonly Option[] = [
  { flags: '--home <directory>', description: 'where this installation lives (SLUICE_HOME)' },
  { flags: '--config <file>', description: 'the configuration file' },
  { flags: '--json', description: 'exactly one JSON document on standard output, also on failure' },
  { flags: '--output <form>', description: 'ndjson: one event per line, the answer last' },
  { flags: '--no-input', description: 'never ask' },
  { flags: '-v, --verbose', description: 'say more on standard error' },
  { flags: '--no-color', description: 'no colours' },
]

export type Parsed =
  | ({ readonly kind: 'command'; readonly command: Command; readonly globals: Globals } & Input)
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'nothing' }

/** Arguments to a command. The parser never ends the process and never prints. */
export function parse(argv: readonly string[], commands: readonly Command[]): Parsed {
  let found: Parsed = { kind: 'nothing' }
  let printed = ''
  const silent = { writeOut: (text: string) => (printed += text), writeErr: () => {}, outputError: () => {} }
  const prepare = (parser: Parser) => withGlobals(parser).exitOverride().configureOutput(silent)
  const root = prepare(new Parser('sluice')).version(version).showSuggestionAfterError(false)
  const groups = new Map<string, Parser>()
  for (const command of commands) {
    const [first = '', second] = command.name.split(' ')
    const parent = second === undefined ? root : groupOf(root, groups, first, prepare)
    const parser = prepare(parent.command(second ?? first)).description(command.summary)
    for (const { name, description, isOptional } of command.args ?? []) {
      parser.argument(isOptional === true ? `[${name}]` : `<${name}>`, description)
    }
    for (const { flags, description } of command.options ?? []) parser.option(flags, description)
    if (command.examples !== undefined) parser.addHelpText('after', `\nExamples:\n  ${command.examples.join('\n  ')}`)
    parser.action((...given: unknown[]) => {
      const args = Object.fromEntries(
        (command.args ?? []).map(({ name }, index) => [name, given[index] as string | undefined]),
      )
      const all = parser.optsWithGlobals() as Input['options'] & Globals
      found = { kind: 'command', command, args, options: all, globals: all }
    })
  }
  try {
    root.parse([...argv], { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return { kind: 'text', text: printed.trimEnd() }
    throw usageError(error, argv, commands)
  }
  return found
}

function groupOf(root: Parser, groups: Map<string, Parser>, name: string, prepare: (parser: Parser) => Parser): Parser {
  const known = groups.get(name) ?? prepare(root.command(name))
  groups.set(name, known)
  return known
}

/** Also behind the command: nobody remembers which flags come first. */
function withGlobals(parser: Parser): Parser {
  for (const { flags, description } of globalOptions) parser.addOption(new ParserOption(flags, description))
  return parser
}

function usageError(error: CommanderError, argv: readonly string[], commands: readonly Command[]): SluiceError {
  const message = error.message.replace(/^error: /, '')
  const word = /'([^']+)'/.exec(message)?.[1] ?? ''
  if (error.code === 'commander.help') {
    return new SluiceError('USAGE', `${argv[0] ?? 'sluice'} needs a command`, {
      hint: commands
        .filter((command) => command.name.startsWith(`${argv[0]} `))
        .map((command) => command.name)
        .join(', '),
    })
  }
  const names =
    error.code === 'commander.unknownOption'
      ? [
          ...commands.flatMap((command) =>
            (command.options ?? []).flatMap(({ flags }) => flags.match(/--[a-z-]+/g) ?? []),
          ),
          ...globalOptions.flatMap(({ flags }) => flags.match(/--[a-z-]+/g) ?? []),
        ]
      : commands.flatMap((command) => [command.name, ...command.name.split(' ')])
  // Other refusals quote what was typed right, or what is missing: nothing to correct there.
  const isMistyped = error.code === 'commander.unknownCommand' || error.code === 'commander.unknownOption'
  const suggestion = word === '' || !isMistyped ? null : nearest(word, names)
  return new SluiceError('USAGE', message, {
    hint: suggestion === null ? 'see `sluice --help`' : `did you mean ${suggestion}?`,
  })
}
