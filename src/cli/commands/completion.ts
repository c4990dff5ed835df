import { SluiceError } from '../../model/error.ts'
import type { Command, Handler } from '../command.ts'
import { completionScripts, type Vocabulary } from '../completion-scripts.ts'
import { globalOptions } from '../parse.ts'
import { isNameKind, nameKinds } from './known-names.ts'

/** `commands`: every command there is, this one included. */
export const completion =
  (commands: readonly Command[]): Handler<{ shell: string; environment?: string }> =>
  async ({ args }, context) => {
    const { shell, environment } = args
    if (isNameKind(shell)) {
      const names = await nameKinds[shell](context, environment)
      return { json: { status: 'ok', [shell]: names }, text: names.join('\n') }
    }
    const script = completionScripts[shell]
    if (script === undefined) {
      throw new SluiceError('USAGE', `no completion is known for ${shell}`, { hint: 'bash, zsh or fish' })
    }
    const text = script(vocabularyOf(commands))
    return { json: { status: 'ok', script: text }, text }
  }

/** Arguments whose values can be asked for. */
const kindOf: Readonly<Record<string, string>> = {
  environment: 'environments',
  release: 'releases',
  deployment: 'deployments',
}

function vocabularyOf(all: readonly Command[]): Vocabulary {
  const words = [...new Set(all.map(({ name }) => name.split(' ')[0] ?? ''))]
  const groups = words.flatMap((word) => {
    const verbs = all.filter(({ name }) => name.startsWith(`${word} `)).map(({ name }) => name.split(' ')[1] ?? '')
    return verbs.length === 0 ? [] : [{ word, verbs }]
  })
  const flags = [...all.flatMap(({ options = [] }) => options), ...globalOptions].flatMap(
    (option) => option.flags.match(/--[a-z-]+/g) ?? [],
  )
  const places = all.flatMap(({ name, args = [] }) =>
    args.flatMap((argument, index) => {
      const kind = kindOf[argument.name]
      return kind === undefined || name === 'completion' ? [] : [{ command: name.split(' '), index, kind }]
    }),
  )
  return { words, groups, flags: [...new Set(flags)], places }
}
