import { existsSync } from 'node:fs'
import { lstat, mkdir, readdir, readlink, realpath, rm } from 'node:fs/promises'
import { dirname, isAbsolute, join, relative, resolve } from 'node:path'
import type { BuildService } from '../model/build-service.ts'
import { SluiceError } from '../model/error.ts'
import { linkedCopy } from './linked-copy.ts'
import { isInside } from './manifest.ts'
import { hasProductionDependencies, readPackageJson } from './package-json.ts'

/**
 * Whether packages belong into the artifact. `output` may say so: `node_modules` takes all of them, `!node_modules`
 * none. Otherwise those that `dependencies` of package.json names, since a bundle without any needs none.
 */
export async function nodeModulesRule(service: BuildService, source: string): Promise<'all' | 'production' | 'none'> {
  if (service.output?.includes('!node_modules')) return 'none'
  if (service.output?.some((path) => normal(path) === 'node_modules')) return 'all'
  const packageJson = await readPackageJson(join(source, service.directory))
  return hasProductionDependencies(packageJson) ? 'production' : 'none'
}

/** Collects what a service's `output` names. Hard links: no second copy on the disk. Throws `BUILD_FAILED`. */
export async function collectOutput(service: BuildService, source: string, artifact: string): Promise<void> {
  const from = join(source, service.directory)
  const to = join(artifact, service.directory)
  const excluded = excludedPaths(service)
  const skip = (base: string) => (path: string) => excluded.some((part) => isInside(`/${part}`, join('/', base, path)))
  await mkdir(to, { recursive: true })
  const wanted = service.output?.map(normal).filter((path) => !path.startsWith('!') && path !== 'node_modules')
  if (wanted === undefined) {
    await linkedCopy(from, to, { skip: (path) => isNeverOutput(path) || skip('')(path) })
    return
  }
  for (const path of wanted) {
    if (isAbsolute(path) || path.split('/').includes('..'))
      throw new SluiceError('BUILD_FAILED', `output ${path} of ${service.name} lies outside of its folder`)
    if (!existsSync(join(from, path))) throw await missingOutput(service, path, from)
    await mkdir(dirname(join(to, path)), { recursive: true })
    await linkedCopy(join(from, path), join(to, path), { skip: skip(path) })
  }
  // What runs Python is not something that people would list.
  if (existsSync(join(from, '.venv')) && !excluded.includes('.venv'))
    await linkedCopy(join(from, '.venv'), join(to, '.venv'))
}

/** Links the packages of `folder` (relative to the project) into the artifact. */
export async function collectNodeModules(folder: string, source: string, artifact: string): Promise<void> {
  const from = join(source, folder, 'node_modules')
  if (!existsSync(from)) return
  await mkdir(join(artifact, folder), { recursive: true })
  await linkedCopy(from, join(artifact, folder, 'node_modules'), { skip: (path) => isBuildCache(path) })
}

/**
 * Links to places of the project that are not in the artifact (workspace packages, `file:` dependencies) become what
 * they point at. Links to anywhere else are left for the check of the artifact, which refuses them.
 */
export async function resolveLinks(source: string, artifact: string): Promise<void> {
  const realSource = await realpath(source)
  const visit = async (folder: string, depth: number): Promise<void> => {
    for (const entry of await readdir(join(artifact, folder), { withFileTypes: true })) {
      const path = join(folder, entry.name)
      if (entry.isDirectory()) await visit(path, depth)
      else if (entry.isSymbolicLink() && (await replaceLink(path, realSource, artifact)) && depth < 8)
        if ((await lstat(join(artifact, path))).isDirectory()) await visit(path, depth + 1)
    }
  }
  await visit('', 0)
}

/** True when the link was replaced. */
async function replaceLink(path: string, realSource: string, artifact: string): Promise<boolean> {
  const link = join(artifact, path)
  if (existsSync(link)) return false // leads to something in the artifact, or out of it
  const target = await readlink(link)
  const inSource = isAbsolute(target) ? target : resolve(realSource, dirname(path), target)
  if (!isInside(realSource, inSource) || !existsSync(inSource)) return false
  await rm(link)
  await linkedCopy(inSource, link, { skip: (inside) => inside === 'node_modules' || isNeverOutput(inside) })
  return true
}

function excludedPaths(service: BuildService): readonly string[] {
  return [
    'node_modules',
    ...(service.output ?? []).filter((path) => path.startsWith('!')).map((path) => normal(path.slice(1))),
  ]
}

function isNeverOutput(path: string): boolean {
  return path === '.git' || path.endsWith('/.git')
}

/** Tools keep caches among the packages; they only cost. */
function isBuildCache(path: string): boolean {
  return path === '.cache' || path === '.vite' || path === '.vite-temp' || path === '.package-lock.json'
}

function normal(path: string): string {
  return path.replace(/^\.\//, '').replace(/\/+$/, '')
}

async function missingOutput(service: BuildService, path: string, from: string): Promise<SluiceError> {
  const there = (await readdir(from)).filter((name) => !name.startsWith('.') && name !== 'node_modules')
  return new SluiceError('BUILD_FAILED', `the build of ${service.name} made no ${path}`, {
    hint: `correct services.${service.name}.build.output; there is: ${there.slice(0, 20).join(', ')}`,
    details: { output: path, folder: relative('/', from), there },
  })
}
