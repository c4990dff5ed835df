import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { type Problem, SluiceError } from '../model/error.ts'
import { messageOf } from '../support/message-of.ts'
import { jsonErrorOffset } from './json-error.ts'

/** The document of a JSON or YAML file. Throws `CONFIG_INVALID` with the places that cannot be read. */
export async function parseConfigFile(file: string): Promise<unknown> {
  const text = (await readFile(file, 'utf8')).replace(/^\uFEFF/, '')
  return file.endsWith('.json') ? parseJson(text, file) : parseYaml(text, file)
}

function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch (error) {
    const place = placeOf(text, jsonErrorOffset(text))
    throw unreadable(file, 'JSON', [{ path: `${basename(file)}:${place}`, message: plain(messageOf(error)) }])
  }
}

async function parseYaml(text: string, file: string): Promise<unknown> {
  const { parseDocument } = await import('yaml')
  const document = parseDocument(text, { prettyErrors: false })
  if (document.errors.length > 0) {
    const problems = document.errors.map(({ pos: [offset], message }) => ({
      path: `${basename(file)}:${placeOf(text, offset)}`,
      message,
    }))
    throw unreadable(file, 'YAML', problems)
  }
  try {
    return document.toJS({ maxAliasCount: 1000 }) as unknown
  } catch (error) {
    throw unreadable(file, 'YAML', [{ path: basename(file), message: messageOf(error) }])
  }
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
