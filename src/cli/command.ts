import type { ApiClient } from '../api/client/client.ts'
import type { Home } from '../support/home.ts'
import type { Terminal } from './progress/view.ts'

/** Commands are data: help, the manual page, completion and the parser are derived from them. */
export interface Command {
  /** One or two words, such as `deploy` or `config print`. */
  readonly name: string
  readonly summary: string
  readonly args?: readonly Argument[]
  readonly options?: readonly Option[]
  readonly examples?: readonly string[]
  /** Also what the first word alone means: `releases` is `releases list`. */
  readonly isDefault?: boolean
  /** How long it may take to end by itself after Ctrl-C, because it has to say or to stop more than others. */
  readonly interruptMs?: number
  /** Loads the handler: start-up pays only for the command that is run. */
  readonly load: () => Promise<Handler>
}

export interface Argument {
  readonly name: string
  readonly description: string
  readonly isOptional?: boolean
}

export interface Option {
  /** As commander writes them: `--until <state>`. */
  readonly flags: string
  readonly description: string
}

export type Handler = (input: Input, context: Context) => Promise<Answer>

export interface Input {
  readonly args: Readonly<Record<string, string | undefined>>
  readonly options: Readonly<Record<string, string | boolean | undefined>>
}

export interface Answer {
  /** The one document of `--json`; `v` and nothing secret is added. */
  readonly json: Readonly<Record<string, unknown>>
  /** For people, on standard output. */
  readonly text: string
  readonly exitCode?: number
}

export interface Context {
  readonly cwd: string
  readonly home: Home
  readonly configFile: string | undefined
  readonly output: 'text' | 'json' | 'ndjson'
  readonly isInteractive: boolean
  /** Standard error, where it can be drawn on and a person looks at it; else one line per change. */
  readonly terminal: Terminal | null
  readonly isVerbose: boolean
  readonly environment: NodeJS.ProcessEnv
  readonly execPath: string
  /** Aborted by the first Ctrl-C: detach, say how to go on, leave. */
  readonly interrupted: AbortSignal
  /** To standard error; never the answer. */
  say(line: string): void
  /** One line of a long answer to standard output, at once. */
  print(line: string): void
  /** One `{ v, type, … }` line on standard output under `--output ndjson`. */
  emit(type: string, data: object): void
  /** A client of the control plane; starts it when it is absent and `start` is set. */
  connect(options?: { readonly start?: boolean; readonly edge?: string }): Promise<ApiClient>
  /** Asks the person at the terminal; throws `INTERRUPTED` on Ctrl-C. Only where `isInteractive`. */
  confirm(question: string): Promise<boolean>
  /** Standard input, whole; null when it is a terminal. */
  readInput(): Promise<string | null>
}
