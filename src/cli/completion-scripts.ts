/** What can be typed. */
export interface Vocabulary {
  /** First words. */
  readonly words: readonly string[]
  /** First words with a second one. */
  readonly groups: readonly { readonly word: string; readonly verbs: readonly string[] }[]
  readonly flags: readonly string[]
  /** Arguments whose values a running control plane knows; `index` counts behind the command. */
  readonly places: readonly { readonly command: readonly string[]; readonly index: number; readonly kind: string }[]
}

type Script = (vocabulary: Vocabulary) => string

/** Words without the flags decide the place: `sluice rollback --detach production r1`. */
const bash: Script = ({ words, groups, flags, places }) => `_sluice() {
  local current="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" word
  local -a typed=()
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do [[ "$word" == -* ]] || typed+=("$word"); done
  _sluice_names() { COMPREPLY=($(compgen -W "$(sluice completion "$@" 2>/dev/null)" -- "$current")); }
  COMPREPLY=()
  case "$before" in
    --release) _sluice_names releases "\${typed[1]}"; return ;;
    --env) _sluice_names environments; return ;;
    --edge) COMPREPLY=($(compgen -W "node haproxy" -- "$current")); return ;;
    --until) COMPREPLY=($(compgen -W "serving" -- "$current")); return ;;
    --output) COMPREPLY=($(compgen -W "ndjson" -- "$current")); return ;;
    --home|--config|--policy|--artifact) COMPREPLY=($(compgen -f -- "$current")); return ;;
  esac
  if [[ "$current" == -* ]]; then
    COMPREPLY=($(compgen -W "${flags.join(' ')}" -- "$current"))
    return
  fi
  case "\${#typed[@]}:\${typed[*]:0:2}" in
    0:*) COMPREPLY=($(compgen -W "${words.join(' ')}" -- "$current")) ;;
${groups.map(({ word, verbs }) => `    1:${word}) COMPREPLY=($(compgen -W "${verbs.join(' ')}" -- "$current")) ;;`).join('\n')}
${places.map(bashPlace).join('\n')}
  esac
}
complete -F _sluice sluice`

function bashPlace({ command, index, kind }: Vocabulary['places'][number]): string {
  const [first = '', second] = command
  const typed = second === undefined ? (index === 0 ? first : `"${first} "*`) : `"${first} ${second}"`
  const scope = kind === 'releases' && index > 0 ? ` "\${typed[${command.length + index - 1}]}"` : ''
  return `    ${command.length + index}:${typed}) _sluice_names ${kind}${scope} ;;`
}

const fish: Script = ({ words, groups, flags, places }) =>
  [
    `complete -c sluice -f -n __fish_use_subcommand -a "${words.join(' ')}"`,
    ...flags.map((flag) => `complete -c sluice -l ${flag.slice(2)}`),
    ...groups.map(
      ({ word, verbs }) => `complete -c sluice -f -n "__fish_seen_subcommand_from ${word}" -a "${verbs.join(' ')}"`,
    ),
    ...[...new Set(places.map(({ kind }) => kind))].map((kind) => {
      const after = new Set(places.filter((place) => place.kind === kind).map(({ command }) => command.at(-1)))
      return `complete -c sluice -f -n "__fish_seen_subcommand_from ${[...after].join(' ')}" -a "(sluice completion ${kind} 2>/dev/null)"`
    }),
  ].join('\n')

export const completionScripts: Readonly<Record<string, Script>> = {
  bash,
  zsh: (vocabulary) => `autoload -U +X bashcompinit && bashcompinit\n${bash(vocabulary)}`,
  fish,
}
