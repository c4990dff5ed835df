import { existsSync } from 'node:fs'
import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { isRecord } from '../path.ts'

/** What detectors may look at: files of the project, read once, never executed. */
export interface ProjectFolder {
  readonly name: string
  has(path: string): boolean
  /** Null where there is no such file. */
  read(path: string): Promise<string | null>
  /** Names and ranges of `dependencies` and `devDependencies`. */
  readonly packages: Readonly<Record<string, string>>
  readonly productionPackages: Readonly<Record<string, string>>
  readonly scripts: Readonly<Record<string, string>>
  readonly main: string | null
  /** `npm run <script>` of the package manager whose lock file is there, or of another: npm is there wherever Node is. */
  script(name: string, by?: PackageManager): string
  readonly manager: PackageManager
  readonly hasLockFile: boolean
  /** Source files with one of the endings, at most 300, with their text. */
  sources(endings: readonly string[]): Promise<readonly SourceFile[]>
}

export interface SourceFile {
  readonly path: string
  readonly text: string
}

export type PackageManager = 'npm' | 'pnpm' | 'yarn' | 'bun'

const lockFiles: readonly (readonly [string, PackageManager])[] = [
  ['pnpm-lock.yaml', 'pnpm'],
  ['yarn.lock', 'yarn'],
  ['bun.lock', 'bun'],
  ['bun.lockb', 'bun'],
  ['package-lock.json', 'npm'],
  ['npm-shrinkwrap.json', 'npm'],
]
const ignored = new Set(['node_modules', 'dist', 'build', 'coverage', 'venv', '__pycache__', 'test', 'tests'])
const MAX_FILES = 300
const MAX_FILE_BYTES = 256 * 1024
const MAX_DEPTH = 5

/** `above`: the folder whose lock file counts where this one has none, as in workspaces. */
export async function openProjectFolder(dir: string, above?: ProjectFolder): Promise<ProjectFolder> {
  const root = resolve(dir)
  const has = (path: string) => existsSync(join(root, path))
  const read = (path: string) => readFile(join(root, path), 'utf8').catch(() => null)
  const packageJson = parsed(await read('package.json'))
  const own = lockFiles.find(([file]) => has(file))
  const manager = own?.[1] ?? above?.manager ?? 'npm'
  const productionPackages = texts(packageJson.dependencies)
  const scripts = texts(packageJson.scripts)
  return {
    name: typeof packageJson.name === 'string' ? packageJson.name : basename(root),
    has,
    read,
    packages: { ...texts(packageJson.devDependencies), ...productionPackages },
    productionPackages,
    scripts,
    main: typeof packageJson.main === 'string' ? packageJson.main : null,
    script: (name, by = manager) => `${by} run ${name}`,
    manager,
    hasLockFile: own !== undefined || above?.hasLockFile === true,
    sources: (endings) => readSources(root, endings),
  }
}

async function readSources(root: string, endings: readonly string[]): Promise<readonly SourceFile[]> {
  const found: SourceFile[] = []
  const visit = async (folder: string, depth: number): Promise<void> => {
    const entries = await readdir(join(root, folder), { withFileTypes: true }).catch(() => [])
    for (const entry of entries.sort((a, b) => Number(a.isDirectory()) - Number(b.isDirectory()))) {
      if (found.length >= MAX_FILES) return
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`
      if (entry.isDirectory() && depth < MAX_DEPTH && !entry.name.startsWith('.') && !ignored.has(entry.name)) {
        await visit(path, depth + 1)
      } else if (entry.isFile() && endings.some((ending) => entry.name.endsWith(ending))) {
        if ((await stat(join(root, path))).size > MAX_FILE_BYTES) continue
        found.push({ path, text: await readFile(join(root, path), 'utf8').catch(() => '') })
      }
    }
  }
  await visit('', 0)
  return found
}

function parsed(text: string | null): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text ?? '{}')
    return isRecord(value) ? value : {}
  } catch {
    return {} // the build will say what is wrong with it
  }
}

function texts(value: unknown): Readonly<Record<string, string>> {
  if (!isRecord(value)) return {}
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  )
}
