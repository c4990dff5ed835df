import { dirname, join } from 'node:path/posix'
import { isRecord } from '../path.ts'
import type { ProjectFolder } from './project-folder.ts'

type ConfigForm = 'ts' | 'mjs' | 'json'

interface CompilerSettings {
  readonly include: readonly string[] | null
  readonly exclude: readonly string[]
  readonly files: readonly string[] | null
  readonly allowJs: boolean
}

const MAX_EXTENDS = 8

/**
 * Form of the configuration that the project's own compiler leaves alone. A `tsconfig.json` that takes in everything would
 * compile `sluice.config.ts` with the application: outside of its `rootDir`, and without the types of `sluice`.
 */
export async function safeConfigForm(folder: ProjectFolder): Promise<ConfigForm> {
  const settings = await compilerSettings(folder, 'tsconfig.json', MAX_EXTENDS)
  if (settings === null || !takesIn(settings, 'sluice.config.ts')) return 'ts'
  return settings.allowJs && takesIn(settings, 'sluice.config.mjs') ? 'json' : 'mjs'
}

/** Null: there is none, or none that can be read. */
async function compilerSettings(folder: ProjectFolder, file: string, depth: number): Promise<CompilerSettings | null> {
  const found = parsed(await folder.read(file))
  if (found === null) return null
  const bases = [found.extends].flat().filter((base) => typeof base === 'string' && /^\.\.?\//.test(base)) as string[]
  let inherited: CompilerSettings = { include: null, exclude: [], files: null, allowJs: false }
  for (const base of depth > 0 ? bases : []) {
    const path = join(dirname(file), base.endsWith('.json') ? base : `${base}.json`)
    const above = await compilerSettings(folder, path, depth - 1)
    if (above !== null) inherited = above
  }
  const at = (paths: readonly string[]) => paths.map((path) => join(dirname(file), path))
  const options = isRecord(found.compilerOptions) ? found.compilerOptions : {}
  const [include, files, exclude] = [texts(found.include), texts(found.files), texts(found.exclude)]
  return {
    include: include === null ? inherited.include : at(include),
    files: files === null ? inherited.files : at(files),
    exclude: exclude === null ? inherited.exclude : at(exclude),
    allowJs: typeof options.allowJs === 'boolean' ? options.allowJs : inherited.allowJs,
  }
}

function takesIn({ include, exclude, files }: CompilerSettings, name: string): boolean {
  if (exclude.some((pattern) => matches(pattern, name))) return false
  if (include !== null) return include.some((pattern) => matches(pattern, name))
  return files === null
}

/** A file of the project's own folder against a pattern, as TypeScript reads it: a folder stands for all below it. */
function matches(pattern: string, name: string): boolean {
  const plain = pattern.replace(/\/+$/, '')
  if (plain === '.' || plain === '' || plain === '**') return true
  const rest = plain.replace(/^(?:\*\*\/)+/, '')
  if (rest.includes('/')) return false
  const form = rest
    .replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
  return new RegExp(`^${form}$`).test(name)
}

/** JSON with comments and trailing commas. */
function parsed(text: string | null): Readonly<Record<string, unknown>> | null {
  if (text === null) return null
  const plain = text
    .replace(/^\uFEFF/, '')
    .replaceAll(/("(?:[^"\\]|\\.)*")|\/\*[^]*?\*\/|\/\/.*/g, (_, literal: string | undefined) => literal ?? '')
    .replaceAll(/("(?:[^"\\]|\\.)*")|,(?=\s*[}\]])/g, (_, literal: string | undefined) => literal ?? '')
  try {
    const value: unknown = JSON.parse(plain)
    return isRecord(value) ? value : null
  } catch {
    return null
  }
}

function texts(value: unknown): readonly string[] | null {
  return Array.isArray(value) ? value.filter((element) => typeof element === 'string') : null
}
