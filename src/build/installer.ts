import { existsSync } from 'node:fs'
import { access, constants, readFile } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import { SluiceError } from '../model/error.ts'
import { isInside } from './manifest.ts'
import { hasDependencies, type PackageJson, readPackageJson } from './package-json.ts'

/** How the packages of one folder are installed, and what belongs into the key of their cache. */
export interface Installer {
  readonly name: 'npm' | 'pnpm' | 'yarn' | 'pip'
  /** Folder with the lock file. */
  readonly folder: string
  readonly command: readonly [string, ...string[]]
  /** Removes what only the build needed; null: nothing to remove. */
  readonly prune: readonly [string, ...string[]] | null
  /** What it makes, relative to `folder`; null: several places (workspaces), which are not cached. */
  readonly product: 'node_modules' | '.venv' | null
  /** Files whose content decides what is installed, relative to `folder`. */
  readonly inputs: readonly string[]
  /** The package manager as it is run: itself, or fetched by npm. */
  readonly program: readonly [string, ...string[]]
  /** Variables that its commands get in addition. */
  readonly env: Readonly<Record<string, string>>
  /** Scripts of the project itself that an installation runs at its end. */
  readonly afterwards: readonly string[]
}

/** Lock file → how to install it. The first one found wins; a folder above is asked next, up to the project's. */
const lockFiles = [
  ['pnpm-lock.yaml', pnpm],
  ['yarn.lock', yarn],
  ['package-lock.json', npm],
  ['npm-shrinkwrap.json', npm],
] as const

/** Installers for a service's folder: at most one for Node and one for Python. Throws `SOURCE_INVALID`. */
export async function installersFor(
  serviceFolder: string,
  projectFolder: string,
  path: string,
): Promise<readonly Installer[]> {
  const found = [await nodeInstaller(serviceFolder, projectFolder, path), pythonInstaller(serviceFolder)]
  return found.filter((installer) => installer !== null)
}

async function nodeInstaller(serviceFolder: string, projectFolder: string, path: string): Promise<Installer | null> {
  for (let folder = serviceFolder; isInside(projectFolder, folder); folder = dirname(folder)) {
    for (const [file, make] of lockFiles) {
      if (!existsSync(join(folder, file))) continue
      const packageJson = await readPackageJson(folder)
      if (packageJson !== null) return make({ folder, file, packageJson, path })
    }
  }
  const packageJson = await readPackageJson(serviceFolder)
  if (!hasDependencies(packageJson)) return null
  throw new SluiceError(
    'SOURCE_INVALID',
    `${serviceFolder.slice(projectFolder.length + 1) || 'the project'} has no lock file`,
    {
      hint: 'run npm install (or pnpm, yarn) and commit the lock file, or set build.install to a command of your own',
    },
  )
}

interface Found {
  readonly folder: string
  readonly file: string
  readonly packageJson: PackageJson
  readonly path: string
}

async function npm({ folder, file, packageJson }: Found): Promise<Installer> {
  return {
    name: 'npm',
    folder,
    program: ['npm'],
    command: ['npm', 'ci', '--no-audit', '--no-fund', '--include=dev'],
    prune: ['npm', 'prune', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--offline'],
    ...cacheRules(packageJson, folder, [file, 'package.json', '.npmrc']),
  }
}

async function pnpm({ folder, file, packageJson, path }: Found): Promise<Installer> {
  const version = versionOf('pnpm', packageJson)
  const program = await programFor('pnpm', path, version === null ? 'pnpm' : `pnpm@${version}`)
  return {
    name: 'pnpm',
    folder,
    program,
    command: [...program, 'install', '--frozen-lockfile', '--prod=false'],
    prune: [...program, 'prune', '--prod', '--ignore-scripts'],
    ...cacheRules(packageJson, folder, [file, 'package.json', '.npmrc']),
    // Its packages are links into its own store: already shared, and quick to make again.
    product: null,
  }
}

async function yarn(found: Found): Promise<Installer> {
  const lock = await readFile(join(found.folder, found.file), 'utf8')
  return lock.includes('# yarn lockfile v1') ? yarnClassic(found) : yarnModern(found)
}

async function yarnClassic({ folder, file, packageJson, path }: Found): Promise<Installer> {
  const program = await programFor('yarn', path, 'yarn@1')
  const install = [...program, 'install', '--frozen-lockfile', '--non-interactive'] as const
  return {
    name: 'yarn',
    folder,
    program,
    command: [...install, '--production=false'],
    prune: [...install, '--production', '--ignore-scripts', '--prefer-offline'],
    ...cacheRules(packageJson, folder, [file, 'package.json', '.npmrc', '.yarnrc']),
  }
}

async function yarnModern({ folder, file, packageJson, path }: Found): Promise<Installer> {
  const settings = await readFile(join(folder, '.yarnrc.yml'), 'utf8').catch(() => '')
  const hasNodeModules = /^nodeLinker:\s*["']?(?:node-modules|pnpm)\b/m.test(settings)
  const own = /^yarnPath:\s*["']?([^"'\s]+)/m.exec(settings)?.[1]
  const version = versionOf('yarn', packageJson)
  const program =
    own === undefined
      ? await programFor('yarn', path, version === null ? '@yarnpkg/cli-dist' : `@yarnpkg/cli-dist@${version}`)
      : (['node', own] as const)
  return {
    name: 'yarn',
    folder,
    program,
    command: [...program, 'install', '--immutable'],
    prune: [...program, 'workspaces', 'focus', '--all', '--production'],
    ...cacheRules(packageJson, folder, [file]),
    product: null, // may be Plug'n'Play, with files outside of node_modules
    // Without node_modules the cache is where packages are run from: it has to be a part of the artifact.
    env: hasNodeModules ? {} : { YARN_CACHE_FOLDER: join(folder, '.yarn', 'cache') },
  }
}

function pythonInstaller(folder: string): Installer | null {
  const file = ['requirements.txt', 'pyproject.toml'].find((name) => existsSync(join(folder, name)))
  if (file === undefined) return null
  return {
    name: 'pip',
    folder,
    program: ['python3'],
    command: ['python3', '-m', 'venv', '--copies', '.venv'],
    prune: null,
    product: '.venv',
    inputs: [file],
    env: {},
    afterwards: [],
  }
}

/** Scripts that change what was installed forbid a cache; `prepare` looks at the project and runs again each time. */
function cacheRules(found: PackageJson, folder: string, inputs: readonly string[]) {
  const scripts = found.scripts ?? {}
  const changesPackages = ['preinstall', 'install', 'postinstall'].some((name) => name in scripts)
  const isWorkspace = found.workspaces !== undefined || existsSync(join(folder, 'pnpm-workspace.yaml'))
  return {
    product: changesPackages || isWorkspace ? null : ('node_modules' as const),
    inputs,
    env: {},
    afterwards: 'prepare' in scripts ? ['prepare'] : [],
  }
}

/** The program itself, or fetched by npm in the version that the project names. Corepack is no part of Node any more. */
async function programFor(name: string, path: string, fetched: string): Promise<readonly [string, ...string[]]> {
  return (await isOnPath(name, path)) ? [name] : ['npm', 'exec', '--yes', `--package=${fetched}`, '--', name]
}

/** `pnpm@10.1.0` of `packageManager`, without its checksum. */
function versionOf(name: string, packageJson: PackageJson): string | null {
  const [manager, version] = (packageJson.packageManager?.split('+')[0] ?? '').split('@')
  return manager === name && version ? version : null
}

async function isOnPath(program: string, path: string): Promise<boolean> {
  for (const folder of path.split(delimiter)) {
    try {
      await access(join(folder, program), constants.X_OK)
      return true
    } catch {
      // look further
    }
  }
  return false
}
