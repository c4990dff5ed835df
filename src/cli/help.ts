import type { Command } from './command.ts'

/** `sluice` without a command. */
export function helpText(commands: readonly Command[]): string {
  const width = Math.max(...commands.map((command) => command.name.length)) + 2
  return [
    'sluice <command>: deploys what sluice.config.ts describes, and tells the truth about it',
    '',
    ...commands.map((command) => `  ${command.name.padEnd(width)}${command.summary}`),
    '',
    '`sluice <command> --help` has the options; --json answers with one document.',
  ].join('\n')
}
