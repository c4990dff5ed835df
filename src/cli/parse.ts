import { CommanderError, Command as Parser, Option as ParserOption } from 'commander'
import { SluiceError } from '../model/error.ts'
import { version } from '../support/version.ts'
import type { Command, Flags, Option, Words } from './command.ts'
import type { Globals } from './context.ts'
import { helpText } from './help.ts'
import { usageError } from './usage-error.ts'

/** Known to every command. */
export const globalOptions: readonly Option[] = [
  { flags: '--home <directory>', description: 'where this installation lives (SLUICE_HOME)' },
  {
    flags: '--url <address>',
    description: 'a control plane elsewhere (SLUICE_URL); its token is of `sluice login`, or SLUICE_TOKEN',
  },
  { flags: '--config <file>', description: 'the configuration file' },
  { flags: '--json', description: 'exactly one JSON document on standard output, also on failure' },
  { flags: '--output <form>', description: 'ndjson: one event per line, the answer last' },
  { flags: '--no-input', description: 'never ask' },
  { flags: '-v, --verbose', description: 'say more on standard error' },
  { flags: '--no-color', description: 'no colours' },
]

export type Parsed =
  | {
      readonly kind: 'command'
      readonly command: Command
      readonly globals: Globals
      readonly args: Words
      readonly options: Flags
    }
  | { readonly kind: 'text'; readonly text: string }

/** Arguments to a command. The parser never ends the process and never prints. */
export function parse(argv: readonly string[], commands: readonly Command[]): Parsed {
  if (argv.length === 0) return { kind: 'text', text: helpText(commands) }
  let found: Parsed = { kind: 'text', text: '' }
  let printed = ''
  const silent = { writeOut: (text: string) => (printed += text), writeErr: () => {}, outputError: () => {} }
  const prepare = (parser: Parser) =>
    withGlobals(parser).showSuggestionAfterError(false).exitOverride().configureOutput(silent)
  const root = prepare(new Parser('sluice')).version(version)
  const groups = new Map<string, Parser>()
  for (const command of commands) {
    const [first = '', second] = command.name.split(' ')
    const parent = second === undefined ? root : groupOf(root, groups, first, commands, prepare)
    const isDefault = command.isDefault === true
    const parser = prepare(parent.command(second ?? first, { isDefault }))
      .description(command.summary)
      .allowExcessArguments(false)
    for (const { name, description, isOptional } of command.args ?? []) {
      parser.argument(isOptional === true ? `[${name}]` : `<${name}>`, description)
    }
    for (const { flags, description } of command.options ?? []) parser.option(flags, description)
    if (command.examples !== undefined) parser.addHelpText('after', `\nExamples:\n  ${command.examples.join('\n  ')}`)
    parser.action((...given: unknown[]) => {
      const args = Object.fromEntries(
        (command.args ?? []).map(({ name }, index) => [name, given[index] as string | undefined]),
      )
      const options = optionsOf(parser)
      assertFilled(args, options)
      found = { kind: 'command', command, args, options, globals: options }
    })
  }
  try {
    root.parse([...argv], { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return { kind: 'text', text: printed.trimEnd() }
    throw usageError(error, argv, commands, globalOptions)
  }
  return found
}

function groupOf(
  root: Parser,
  groups: Map<string, Parser>,
  name: string,
  commands: readonly Command[],
  prepare: (parser: Parser) => Parser,
): Parser {
  const existing = groups.get(name)
  if (existing !== undefined) return existing
  const verbs = commands.filter((command) => command.name.startsWith(`${name} `)).map(({ name }) => name.split(' ')[1])
  const group = prepare(root.command(name)).description(verbs.join(', '))
  groups.set(name, group)
  return group
}

/** Also behind the command: nobody remembers which flags come first. */
function withGlobals(parser: Parser): Parser {
  for (const { flags, description } of globalOptions) parser.addOption(new ParserOption(flags, description))
  return parser
}

/** What was really written, wherever it stood: the default of an outer parser must not hide it. */
function optionsOf(parser: Parser): Flags & Globals {
  const written: Record<string, string | boolean | undefined> = {}
  for (let one: Parser | null = parser; one !== null; one = one.parent) {
    for (const [name, value] of Object.entries(one.opts<Record<string, string | boolean>>())) {
      if (one.getOptionValueSource(name) === 'cli') written[name] ??= value
    }
  }
  return written
}

/** An empty word is a variable of a script that was never set. */
function assertFilled(args: Words, options: Flags): void {
  const places = [
    ...Object.entries(args),
    ...Object.entries(options).map(([name, value]) => [
      `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
      value,
    ]),
  ]
  const empty = places.find(([, value]) => typeof value === 'string' && value.trim() === '')
  if (empty === undefined) return
  throw new SluiceError('USAGE', `${String(empty[0])} is empty`, {
    hint: 'is the variable set that it comes from? Leave it out where nothing is meant',
  })
}
