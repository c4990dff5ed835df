import { SluiceError } from '../../model/error.ts'
import type { Context, Handler, Option } from '../command.ts'
import { globalOptions } from '../parse.ts'
import { loadProject } from '../project.ts'
import { commands } from './index.ts'

/** What the scripts ask while somebody types: not a shell, so that it is no command of its own. */
const ENVIRONMENTS = 'environments'

export const completion: Handler = async ({ args }, context) => {
  if (args.shell === ENVIRONMENTS) {
    const names = await environmentNames(context)
    return { json: { status: 'ok', environments: names }, text: names.join('\n') }
  }
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
    commands.filter(({ args: [first] = [] }) => first?.name === 'environment').map(({ name }) => name),
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
  /** Commands whose first argument is an environment. */
  ofEnvironments: readonly string[],
) => string

const bash: Script = (words, groups, flags, ofEnvironments) => `_sluice() {
  local current="\${COMP_WORDS[COMP_CWORD]}"
  if [[ "$current" == -* ]]; then
    COMPREPLY=($(compgen -W "${flags.join(' ')}" -- "$current"))
    return
  fi
  case "\${COMP_WORDS[1]}:$COMP_CWORD" in
${groups.map(([group, second]) => `    ${group}:2) COMPREPLY=($(compgen -W "${second.join(' ')}" -- "$current")) ;;`).join('\n')}
    ${environmentPlaces(ofEnvironments).join('|')})
      COMPREPLY=($(compgen -W "$(sluice completion environments 2>/dev/null)" -- "$current")) ;;
    *:1) COMPREPLY=($(compgen -W "${words.join(' ')}" -- "$current")) ;;
  esac
}
complete -F _sluice sluice`

/** `deploy:2`: the second word after `deploy` is an environment. */
function environmentPlaces(commandNames: readonly string[]): readonly string[] {
  return [...new Set(commandNames.map((name) => `${name.split(' ')[0] ?? name}:${name.includes(' ') ? 3 : 2}`))]
}

/** Those of the configuration here and of a control plane that runs; silence where there is neither. */
async function environmentNames(context: Context): Promise<readonly string[]> {
  const configured = await loadProject(context)
    .then(({ document }) => Object.keys((document as { environments?: object }).environments ?? {}))
    .catch(() => [])
  const running = await context
    .connect()
    .then((client) => client.environments())
    .then((environments) => environments.map(({ name }) => name))
    .catch(() => [])
  return [...new Set([...configured, ...running])].sort()
}

const scripts: Readonly<Record<string, Script>> = {
  bash,
  zsh: (...all) => `autoload -U +X bashcompinit && bashcompinit\n${bash(...all)}`,
  fish: (words, groups, flags, ofEnvironments) =>
    [
      `complete -c sluice -f -n __fish_use_subcommand -a "${words.join(' ')}"`,
      ...flags.map((flag) => `complete -c sluice -l ${flag.slice(2)}`),
      `complete -c sluice -f -n "__fish_seen_subcommand_from ${ofEnvironments.map((name) => name.split(' ')[0]).join(' ')}" -a "(sluice completion environments 2>/dev/null)"`,
      ...groups.map(
        ([group, second]) => `complete -c sluice -f -n "__fish_seen_subcommand_from ${group}" -a "${second.join(' ')}"`,
      ),
    ].join('\n'),
}
