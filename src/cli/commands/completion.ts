import { SluiceError } from '../../model/error.ts'
import type { Handler, Option } from '../command.ts'
import { globalOptions } from '../parse.ts'
import { commands } from './index.ts'

export const completion: Handler = async ({ args }) => {
  const words = [...new Set(commands.map((command) => command.name.split(' ')[0] ?? ''))]
  const seconds = (first: string) =>
    commands.flatMap((command) => (command.name.startsWith(`${first} `) ? [command.name.split(' ')[1] ?? ''] : []))
  const flags = [
    ...new Set([...commands.flatMap((command) => command.options ?? []), ...globalOptions].flatMap(flagsOf)),
  ]
  const groups = words.filter((word) => seconds(word).length > 0)
  const script = scripts[args.shell ?? '']
  if (script === undefined) {
    throw new SluiceError('USAGE', `no completion is known for ${args.shell}`, { hint: 'bash, zsh or fish' })
  }
  const text = script(
    words,
    groups.map((group) => [group, seconds(group)] as const),
    flags,
  )
  return { json: { status: 'ok', script: text }, text }
}

function flagsOf({ flags }: Option): readonly string[] {
  return flags.match(/--[a-z-]+/g) ?? []
}

type Script = (
  words: readonly string[],
  groups: readonly (readonly [string, readonly string[]])[],
  flags: readonly string[],
) => string

const bash: Script = (words, groups, flags) => `_sluice() {
  local current="\${COMP_WORDS[COMP_CWORD]}"
  if [[ "$current" == -* ]]; then
    COMPREPLY=($(compgen -W "${flags.join(' ')}" -- "$current"))
    return
  fi
  case "\${COMP_WORDS[1]}:$COMP_CWORD" in
${groups.map(([group, second]) => `    ${group}:2) COMPREPLY=($(compgen -W "${second.join(' ')}" -- "$current")) ;;`).join('\n')}
    *:1) COMPREPLY=($(compgen -W "${words.join(' ')}" -- "$current")) ;;
  esac
}
complete -F _sluice sluice`

const scripts: Readonly<Record<string, Script>> = {
  bash,
  zsh: (words, groups, flags) => `autoload -U +X bashcompinit && bashcompinit\n${bash(words, groups, flags)}`,
  fish: (words, groups, flags) =>
    [
      `complete -c sluice -f -n __fish_use_subcommand -a "${words.join(' ')}"`,
      ...flags.map((flag) => `complete -c sluice -l ${flag.slice(2)}`),
      ...groups.map(
        ([group, second]) => `complete -c sluice -f -n "__fish_seen_subcommand_from ${group}" -a "${second.join(' ')}"`,
      ),
    ].join('\n'),
}
