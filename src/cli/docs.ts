import type { Command, Option } from './command.ts'
import { globalOptions } from './parse.ts'

const exitCodes: readonly (readonly [number, string])[] = [
  [0, 'done'],
  [1, 'something unexpected'],
  [2, 'wrong usage or invalid configuration'],
  [3, 'not allowed'],
  [4, 'failed or rolled back: the old release serves'],
  [5, 'the rollback failed'],
  [6, 'waiting for the answer of a person (`sluice approve`)'],
  [7, 'the wait timed out: the deployment goes on'],
  [130, 'interrupted: a deployment goes on, and so does a control plane that starts or stops'],
  [129, 'the same by SIGHUP, such as a terminal that was closed'],
  [143, 'the same by SIGTERM'],
  [141, 'nobody reads the log or the events any more (`| head`)'],
]

/** The content of `docs/cli.md`: made from the commands, so that the manual cannot drift from them. */
export function cliManual(commands: readonly Command[]): string {
  return [
    '# Command line',
    '',
    '<!-- Made by `npm run generate` from src/cli/commands/index.ts. -->',
    '',
    'Standard output carries the answer alone, everything else goes to standard error. Without a terminal, with `CI` set or',
    'with `--no-input` nothing is ever asked. Ctrl-C detaches from a deployment, which goes on.',
    '',
    '## Options of every command',
    '',
    ...optionTable(globalOptions),
    '',
    '## Exit codes',
    '',
    '| code | meaning |',
    '|---|---|',
    ...exitCodes.map(([code, meaning]) => `| ${code} | ${meaning} |`),
    '',
    '## Commands',
    '',
    ...commands.flatMap(commandSection),
  ].join('\n')
}

function commandSection({
  name,
  summary,
  isOfThisMachine,
  args = [],
  options = [],
  examples = [],
}: Command): readonly string[] {
  const usage = args.map((arg) => (arg.isOptional === true ? `[${arg.name}]` : `<${arg.name}>`))
  return [
    `### \`${['sluice', name, ...usage].join(' ')}\``,
    '',
    `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.${isOfThisMachine === true ? ' Only on the machine itself.' : ''}`,
    '',
    ...args.map((arg) => `- \`${arg.name}\`: ${arg.description}`),
    ...(args.length === 0 ? [] : ['']),
    ...(options.length === 0 ? [] : [...optionTable(options), '']),
    ...(examples.length === 0 ? [] : ['```sh', ...examples, '```', '']),
  ]
}

function optionTable(options: readonly Option[]): readonly string[] {
  return [
    '| option | |',
    '|---|---|',
    ...options.map(({ flags, description }) => `| \`${flags}\` | ${description.replaceAll('|', '\\|')} |`),
  ]
}
