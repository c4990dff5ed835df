import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SluiceError } from '../model/error.ts'

/** What of a `package.json` matters to a build. */
export interface PackageJson {
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly scripts?: Readonly<Record<string, string>>
  readonly engines?: { readonly node?: string }
  readonly workspaces?: unknown
  readonly packageManager?: string
}

export async function readPackageJson(folder: string): Promise<PackageJson | null> {
  let text: string
  try {
    text = await readFile(join(folder, 'package.json'), 'utf8')
  } catch {
    return null
  }
  try {
    return JSON.parse(text) as PackageJson
  } catch (cause) {
    throw new SluiceError('SOURCE_INVALID', `package.json is not JSON: ${(cause as Error).message}`, {
      hint: 'correct it, run npm install and commit both files',
      cause,
    })
  }
}

export function hasProductionDependencies(found: PackageJson | null): boolean {
  return Object.keys({ ...found?.dependencies, ...found?.optionalDependencies }).length > 0
}

export function hasDependencies(found: PackageJson | null): boolean {
  return hasProductionDependencies(found) || Object.keys(found?.devDependencies ?? {}).length > 0
}
