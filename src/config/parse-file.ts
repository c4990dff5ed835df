import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import type { ErrorCode } from 'yaml'
import { type Problem, SluiceError } from '../model/error.ts'
import { messageOf } from '../support/message-of.ts'
import { jsonErrorOffset, repeatedKeys } from './json-error.ts'

/** The document of a JSON or YAML file. Throws `CONFIG_INVALID` with the places that cannot be read. */
export async function parseConfigFile(file: string): Promise<unknown> {
  const text = (await readFile(file, 'utf8')).replace(/^\uFEFF/, '')
  if (text.trim() === '') {
    throw new SluiceError('CONFIG_INVALID', `${basename(file)} is empty`, {
      hint: 'remove it and run `sluice init`, which writes one that fits the project; docs/configuration.md shows it by hand',
    })
  }
  return file.endsWith('.json') ? parseJson(text, file) : parseYaml(text, file)
}

function parseJson(text: string, file: string): unknown {
  const at = (offset: number) => `${basename(file)}:${placeOf(text, offset)}`
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch (error) {
    const offset = jsonErrorOffset(text)
    throw unreadable(file, 'JSON', [{ path: at(offset), message: slipAt(text, offset) ?? plain(messageOf(error)) }])
  }
  const repeated = repeatedKeys(text)
  if (repeated.length === 0) return document
  throw unreadable(
    file,
    'sound JSON',
    repeated.map(({ key, offset }) => ({ path: at(offset), message: `the key ${JSON.stringify(key)} is there twice` })),
  )
}

async function parseYaml(text: string, file: string): Promise<unknown> {
  const { parseDocument } = await import('yaml')
  try {
    // `<<` is what people share settings with.
    const document = parseDocument(text, { prettyErrors: false, merge: true })
    const problems = document.errors.map(({ pos: [offset], code, message }) => ({
      path: `${basename(file)}:${placeOf(text, offset)}`,
      message: yamlWords[code] ?? message,
    }))
    if (problems.length > 0) throw unreadable(file, 'YAML', problems)
    return document.toJS({ maxAliasCount: 1000 }) as unknown
  } catch (error) {
    if (error instanceof SluiceError) throw error
    const message = error instanceof RangeError ? 'it is nested too deeply' : messageOf(error)
    throw unreadable(file, 'YAML', [{ path: basename(file), message }])
  }
}

/** Where the parser speaks to programmers. */
const yamlWords: Readonly<Partial<Record<ErrorCode, string>>> = {
  DUPLICATE_KEY: 'this key is there twice',
  MULTIPLE_DOCS: 'a second document begins here: a configuration is one',
}

/** What people write who think of JavaScript. */
function slipAt(text: string, offset: number): string | null {
  const rest = text.slice(offset)
  if (/^\/[/*]/.test(rest)) return 'JSON has no comments: remove it, or write YAML or TypeScript'
  if (/^[}\]]/.test(rest) && /,\s*$/.test(text.slice(0, offset))) return 'JSON has no comma before the end: remove it'
  if (rest.startsWith("'")) return 'JSON has double quotes only'
  return /^[A-Za-z_$][\w$]*\s*:/.test(rest) ? 'JSON keys stand in double quotes' : null
}

function unreadable(file: string, format: string, problems: readonly Problem[]): SluiceError {
  return new SluiceError('CONFIG_INVALID', `${basename(file)} is not ${format}`, {
    hint: `${problems[0]?.path}: ${problems[0]?.message}`,
    problems,
  })
}

/** `line:column`, both from 1. */
function placeOf(text: string, offset: number): string {
  const before = text.slice(0, offset).split('\n')
  return `${before.length}:${(before.at(-1)?.length ?? 0) + 1}`
}

function plain(message: string): string {
  return message.replace(/,? ?(?:\.{3})?"[^]*" is not valid JSON$/, '').replace(/ (?:in JSON )?at position \d+.*$/, '')
}
