import type { ApiClient } from '../api/client/client.ts'
import type { Home } from '../support/home.ts'
import type { Terminal } from './progress/view.ts'

/** Commands are data: help, the manual page, completion and the parser are derived from them. */
export interface Command extends Declaration {
  /** Loads the handler: start-up pays only for the command that is run. */
  readonly load: () => Promise<Handler<Words, Flags>>
}

export interface Declaration {
  /** One or two words, such as `deploy` or `config print`. */
  readonly name: string
  readonly summary: string
  readonly args?: readonly Argument[]
  readonly options?: readonly Option[]
  readonly examples?: readonly string[]
  /** Also what the first word alone means: `releases` is `releases list`. */
  readonly isDefault?: boolean
  /** It concerns the machine that it runs on, and no control plane elsewhere. */
  readonly isOfThisMachine?: boolean
  /** How long it may take to end by itself after Ctrl-C, because it has to say or to stop more than others. */
  readonly interruptMs?: number
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

/** What stands behind a command, as the parser gives it. */
export type Words = Readonly<Record<string, string | undefined>>
export type Flags = Readonly<Record<string, string | boolean | undefined>>

/** `Args` and `Options`: what the handler reads of them; a declaration that gives something else does not compile. */
export type Handler<Args = object, Options = object> = (
  input: Input<Args, Options>,
  context: Context,
) => Promise<Answer>

export interface Input<Args = object, Options = object> {
  readonly args: Args
  readonly options: Options
}

/** A command whose handler reads only what its declaration lets people write. */
export function command<const Declared extends Declaration>(
  declared: Declared & { readonly load: () => Promise<Handler<ArgsOf<Declared>, OptionsOf<Declared>>> },
): Command {
  // The parser gives what was declared, under these names: the types say so, it does not know them.
  return declared as Declaration as Command
}

type Both<Union> = (Union extends unknown ? (value: Union) => void : never) extends (value: infer All) => void
  ? All
  : object

type ArgsOf<Declared> = Declared extends { readonly args: readonly (infer One)[] } ? Both<ArgOf<One>> : object
type ArgOf<One> = One extends { readonly name: infer Name extends string }
  ? One extends { readonly isOptional: true }
    ? { readonly [Key in Name]?: string }
    : { readonly [Key in Name]: string }
  : never

type OptionsOf<Declared> = Declared extends { readonly options: readonly (infer One)[] } ? Both<OptionOf<One>> : object
type OptionOf<One> = One extends { readonly flags: `${string}--${infer Long}` }
  ? Long extends `${infer Name} <${string}>`
    ? { readonly [Key in Camel<Name>]?: string }
    : { readonly [Key in Camel<Long>]?: true }
  : never
type Camel<Text> = Text extends `${infer First}-${infer Rest}` ? `${First}${Capitalize<Camel<Rest>>}` : Text & string

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
  /** Address of a control plane elsewhere; null: the one of this machine, and its disk. */
  readonly remote: string | null
  /** What the user is called on records: `SLUICE_USER`, else the name here. Nobody believes it. */
  readonly label: string
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
  /** The same for what nobody may read on the screen. */
  askSecret(question: string): Promise<string>
  /** Standard input, whole; null when it is a terminal. */
  readInput(): Promise<string | null>
}
