import { existsSync, statSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { SluiceError } from '../model/error.ts'
import { nearest } from '../support/nearest.ts'

export const configNames = ['ts', 'mts', 'cts', 'js', 'mjs', 'cjs', 'json', 'yaml', 'yml'].map(
  (end) => `sluice.config.${end}`,
)

/** The configuration file of a folder or, unless only that `folder` is named, the nearest one above it. Throws `CONFIG_NOT_FOUND`, or `CONFIG_INVALID` for two in one folder. */
export async function findConfigFile({
  cwd,
  file,
  isHereOnly = false,
}: {
  readonly cwd: string
  readonly file?: string
  readonly isHereOnly?: boolean
}): Promise<string> {
  if (file !== undefined) return givenFile(resolve(cwd, file))
  const start = resolve(cwd)
  for (let folder = start; ; folder = dirname(folder)) {
    const names = new Set(await readdir(folder).catch(() => []))
    const found = configNames.filter((name) => names.has(name))
    const [first] = found
    if (found.length > 1) throw ambiguous(folder, found)
    if (first !== undefined) return join(folder, first)
    if (isHereOnly || dirname(folder) === folder) throw await notFound(start)
  }
}

async function givenFile(file: string): Promise<string> {
  if (!existsSync(file)) {
    throw new SluiceError('CONFIG_NOT_FOUND', `there is no ${file}`, {
      hint: await similar(dirname(file), basename(file)),
    })
  }
  if (statSync(file).isDirectory()) return findConfigFile({ cwd: file })
  if (!/\.(?:[mc]?[jt]s|json|ya?ml)$/.test(file)) {
    throw new SluiceError('CONFIG_INVALID', `${basename(file)} is no kind of configuration file`, {
      hint: 'it ends in .ts, .mts, .cts, .js, .mjs, .cjs, .json, .yaml or .yml',
    })
  }
  return file
}

function ambiguous(folder: string, found: readonly string[]): SluiceError {
  return new SluiceError('CONFIG_INVALID', `${folder} has ${found.join(' and ')}: which one counts?`, {
    hint: 'keep one of them, or name it with --config',
  })
}

async function notFound(folder: string): Promise<SluiceError> {
  return new SluiceError('CONFIG_NOT_FOUND', `there is no sluice.config.ts in ${folder} or above it`, {
    hint: await similar(folder, 'sluice.config.ts'),
  })
}

async function similar(folder: string, wanted: string): Promise<string> {
  const guess = nearest(wanted, await readdir(folder).catch(() => []))
  return guess === null
    ? 'run `sluice init` in the project’s folder, or name the file with --config'
    : `there is a ${guess}: rename it to ${wanted}, or name it with --config`
}
