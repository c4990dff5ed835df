import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'smol-toml'
import { SluiceError } from '../model/error.ts'

/**
 * Python packages go into `.venv` beside the source. It has to work from any folder, since an artifact is built here
 * and unpacked elsewhere: the interpreter is a copy (a link would lead out of the artifact) and finds its packages
 * by its own place; the scripts, whose first line names an absolute path, are rewritten to look beside themselves.
 */
export const pythonOf = (folder: string): string => join(folder, '.venv', 'bin', 'python')

/** Arguments of pip for what the folder asks for. Throws `SOURCE_INVALID`. */
export async function pipArguments(folder: string, file: string, scratch: string): Promise<readonly string[]> {
  // Byte code is written afterwards in a form that does not depend on time stamps.
  const base = ['-m', 'pip', 'install', '--no-compile', '--no-input']
  if (file === 'requirements.txt') return [...base, '-r', file]
  const list = join(scratch, 'requirements.txt')
  await writeFile(list, (await dependenciesOf(join(folder, file))).map((line) => `${line}\n`).join(''))
  return [...base, '-r', list]
}

/** Unpacking changes times, so byte code must not be compared by them. */
export const compileArguments = ['-m', 'compileall', '-q', '--invalidation-mode', 'unchecked-hash', '.venv/lib']

async function dependenciesOf(file: string): Promise<readonly string[]> {
  let document: { readonly project?: { readonly dependencies?: unknown } }
  try {
    document = parse(await readFile(file, 'utf8'))
  } catch (cause) {
    throw new SluiceError('SOURCE_INVALID', `pyproject.toml is not TOML: ${(cause as Error).message}`, { cause })
  }
  const found = document.project?.dependencies
  if (Array.isArray(found) && found.every((line) => typeof line === 'string')) return found
  if (document.project !== undefined && found === undefined) return []
  throw new SluiceError('SOURCE_INVALID', 'pyproject.toml has no [project] dependencies', {
    hint: 'export a requirements.txt (poetry export, uv export, pip freeze) and commit it',
  })
}

/** Lets the scripts of `.venv/bin` find the interpreter beside them, wherever that is. */
export async function makeRelocatable(folder: string): Promise<void> {
  const bin = join(folder, '.venv', 'bin')
  for (const entry of await readdir(bin, { withFileTypes: true })) {
    if (!entry.isFile()) continue
    const file = join(bin, entry.name)
    const content = await readFile(file)
    if (content.subarray(0, 2).toString() !== '#!') continue
    const text = content.toString('utf8')
    const end = text.indexOf('\n')
    if (!text.slice(0, end).includes('python')) continue
    // For the shell this is an exec, for Python a string that nobody uses.
    const header = `#!/bin/sh\n'''exec' "$(dirname -- "$(realpath -- "$0")")/python" "$0" "$@"\n' '''`
    await writeFile(file, header + text.slice(end))
  }
}
