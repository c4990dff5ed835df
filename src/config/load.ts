import { basename, dirname } from 'node:path'
import { SluiceError } from '../model/error.ts'
import { type Evaluation, evaluate } from './evaluate/evaluate.ts'
import type { Outcome } from './evaluate/outcome.ts'
import { unserializable } from './evaluate/serializable.ts'
import { findConfigFile } from './find-file.ts'
import { parseConfigFile } from './parse-file.ts'

export interface LoadOptions {
  /** The file is looked for here and in the folders above. */
  readonly cwd: string
  /** Names the file (or its folder) instead. */
  readonly file?: string
  /** The folders above are none of its business. */
  readonly isHereOnly?: boolean
  /** Given to a configuration that is a function. */
  readonly environment?: string
  readonly deadlineMs: number
  readonly signal?: AbortSignal
  /** What the configuration's code sees as its environment; absent: all that we see ourselves. */
  readonly env?: Readonly<Record<string, string | undefined>>
}

export interface LoadedConfig {
  /** As it was written: `resolveConfig` or `validateConfig` comes next. */
  readonly document: unknown
  readonly file: string
  readonly projectDir: string
  /** What the user's code printed while it was loaded, for standard error. */
  readonly printed: string
  /** It may say something else of another environment. */
  readonly isFunction: boolean
}

/**
 * Finds and reads the configuration. Code runs in a process of its own with a deadline: it can neither hang us nor print
 * into our output. Throws `CONFIG_NOT_FOUND`, `CONFIG_INVALID`, `CONFIG_TIMEOUT`, `CONFIG_THROWS` or
 * `CONFIG_NOT_SERIALIZABLE`.
 */
export async function loadConfig(options: LoadOptions): Promise<LoadedConfig> {
  options.signal?.throwIfAborted()
  const file = await findConfigFile(options)
  const projectDir = dirname(file)
  if (/\.(?:json|ya?ml)$/.test(file)) {
    const document = await parseConfigFile(file)
    assertSerializable(file, unserializable(document), '')
    return { document, file, projectDir, printed: '', isFunction: false }
  }
  const { environment, deadlineMs, signal, env } = options
  const evaluation = await evaluate({
    file,
    deadlineMs,
    ...(environment === undefined ? {} : { environment }),
    ...(signal === undefined ? {} : { signal }),
    ...(env === undefined ? {} : { env }),
  })
  return {
    document: documentOf(evaluation, file, deadlineMs),
    file,
    projectDir,
    printed: evaluation.printed,
    isFunction: Object(evaluation.outcome).isFunction === true,
  }
}

function documentOf(evaluation: Evaluation, file: string, deadlineMs: number): unknown {
  const { outcome, printed } = evaluation
  const name = basename(file)
  if (outcome === 'late') {
    throw new SluiceError(
      'CONFIG_TIMEOUT',
      `${name} gave no configuration within ${deadlineMs / 1000} s and was stopped`,
      {
        hint: 'look for a loop, or something that waits for ever: a server, a connection, a promise',
        details: shownDetails(printed),
      },
    )
  }
  if (outcome === null) {
    const isWaiting = evaluation.ended === 'exit code 13' || evaluation.ended === 'exit code 0'
    throw new SluiceError('CONFIG_THROWS', `${name} ended before it gave a configuration (${evaluation.ended})`, {
      hint: isWaiting
        ? 'it ends its own process, or waits for a promise that nothing will settle'
        : 'it ends its own process, or takes all memory',
      details: shownDetails(printed),
    })
  }
  switch (outcome.kind) {
    case 'value':
      return outcome.value
    case 'no-default':
      throw noDefault(name, outcome)
    case 'not-serializable':
      return assertSerializable(file, outcome.places, printed)
    case 'threw':
      throw threw(name, outcome, printed)
    default:
      return outcome satisfies never
  }
}

function noDefault(name: string, { exports }: Extract<Outcome, { kind: 'no-default' }>): SluiceError {
  const named = exports.length === 0 ? 'nothing' : exports.join(', ')
  return new SluiceError('CONFIG_INVALID', `${name} has no default export; it exports ${named}`, {
    hint: 'write `export default defineConfig({ … })`',
  })
}

function threw(name: string, { message, at }: Extract<Outcome, { kind: 'threw' }>, printed: string): SluiceError {
  return new SluiceError('CONFIG_THROWS', `${at ?? name}: ${message}`, {
    hint: `correct ${name}, or what it imports`,
    problems: [{ path: at ?? name, message }],
    details: shownDetails(printed),
  })
}

function assertSerializable(file: string, places: readonly { path: string; what: string }[], printed: string): void {
  const [first] = places
  if (first === undefined) return
  const place = first.path === '' ? 'the configuration itself' : first.path
  throw new SluiceError('CONFIG_NOT_SERIALIZABLE', `${basename(file)}: ${place} is ${first.what}`, {
    hint: 'a configuration is data: texts, numbers, true and false, lists and objects',
    problems: places.map(({ path, what }) => ({ path: path || 'the document', message: `is ${what}` })),
    details: shownDetails(printed),
  })
}

function shownDetails(printed: string): Readonly<Record<string, unknown>> {
  return printed === '' ? {} : { printed }
}
