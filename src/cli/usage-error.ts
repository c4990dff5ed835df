import type { CommanderError } from 'commander'
import { SluiceError } from '../model/error.ts'
import { nearest } from '../support/nearest.ts'
import type { Command, Option } from './command.ts'

/** What the parser refused, with the nearest thing that it would have taken. */
export function usageError(
  error: CommanderError,
  argv: readonly string[],
  commands: readonly Command[],
  globalOptions: readonly Option[],
): SluiceError {
  const words = argv.filter((word) => !word.startsWith('-'))
  const group = words.find((word) => commands.some(({ name }) => name.startsWith(`${word} `)))
  const verbs = commands.filter(({ name }) => group !== undefined && name.startsWith(`${group} `))
  if (error.code === 'commander.help' && words[0] === 'help' && words[1] !== undefined) {
    return new SluiceError('USAGE', `unknown command '${words[1]}'`, { hint: 'see `sluice --help`' })
  }
  if (error.code === 'commander.help') {
    if (group === undefined) return new SluiceError('USAGE', 'sluice needs a command', { hint: 'see `sluice --help`' })
    return new SluiceError('USAGE', `sluice ${group} needs a command`, { hint: listed(verbs) })
  }
  const command = commands.find(({ name }) => ` ${words.join(' ')} `.includes(` ${name} `))
  const message = error.message.replace(/^error: /, '')
  const suggestion = nearestWord(error, command, commands, verbs, globalOptions)
  const name = command?.name ?? group
  const more = `see \`sluice${name === undefined ? '' : ` ${name}`} --help\``
  if (suggestion !== null) return new SluiceError('USAGE', message, { hint: `did you mean ${suggestion}?` })
  return new SluiceError('USAGE', message, {
    hint: error.code === 'commander.unknownCommand' && verbs.length > 0 ? listed(verbs) : more,
  })
}

function listed(commands: readonly Command[]): string {
  return commands.map(({ name, summary }) => `\`sluice ${name}\` (${summary})`).join(', ')
}

/** Other refusals quote what was typed right, or what is missing: nothing to correct there. */
function nearestWord(
  { code, message }: CommanderError,
  command: Command | undefined,
  commands: readonly Command[],
  verbs: readonly Command[],
  globalOptions: readonly Option[],
): string | null {
  const word = /'([^']+)'/.exec(message)?.[1] ?? ''
  if (word === '') return null
  if (code === 'commander.unknownOption') {
    const known = command === undefined ? commands.flatMap(({ options = [] }) => options) : (command.options ?? [])
    const flags = [...known, ...globalOptions].flatMap((option) => option.flags.match(/--[a-z-]+/g) ?? [])
    return nearest(word, [...flags, '--help', ...(command === undefined ? ['--version'] : [])])
  }
  if (code !== 'commander.unknownCommand') return null
  if (verbs.length > 0)
    return nearest(
      word,
      verbs.map(({ name }) => name.split(' ')[1] ?? name),
    )
  return nearest(word, [...new Set(commands.flatMap(({ name }) => [name.split(' ')[0] ?? name, name]))])
}
