import { readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { DatabaseConfig, ServiceConfig, WebConfig } from '../document.ts'
import { slug } from '../slug.ts'
import { detectDatabase } from './database.ts'
import type { DetectedApp } from './detector.ts'
import { openProjectFolder, type ProjectFolder } from './project-folder.ts'

/** A project in a folder below. */
export interface FoundApp {
  readonly path: string
  readonly folder: ProjectFolder
  readonly app: DetectedApp
}

export interface Monorepo {
  readonly services: Readonly<Record<string, ServiceConfig>>
  readonly database: DatabaseConfig | null
  readonly todo: readonly string[]
  readonly notes: readonly string[]
}

const parents = ['', 'apps', 'services', 'packages']
const frontNames = ['web', 'www', 'site', 'frontend', 'client', 'app']
const listening = /createServer\(|\.listen\(|\bserve\(|\bPORT\b/

/** Projects in the folders where they usually are, in order of their paths. */
export async function findBelow(
  root: ProjectFolder,
  dir: string,
  detectApp: (folder: ProjectFolder) => Promise<DetectedApp | null>,
): Promise<readonly FoundApp[]> {
  const found: FoundApp[] = []
  for (const parent of parents) {
    const entries = await readdir(join(dir, parent), { withFileTypes: true }).catch(() => [])
    for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      if (!entry.isDirectory() || entry.name.startsWith('.') || entry.name === 'node_modules') continue
      const path = join(parent, entry.name)
      const folder = await openProjectFolder(join(dir, path), root)
      const app = await detectApp(folder)
      if (app !== null) found.push({ path, folder, app })
    }
  }
  return found
}

/** One configuration of several services; those that are not known how to start are left out. */
export async function monorepoOf(apps: readonly FoundApp[]): Promise<Monorepo | null> {
  const startable = apps.filter(({ app }) => !app.todo.some((line) => line.startsWith('set services.')))
  if (startable.length === 0) return null
  const isTaken = (one: FoundApp) =>
    startable.some((other) => other !== one && basename(other.path) === basename(one.path))
  const names = new Map(startable.map((one) => [one.path, slug(isTaken(one) ? one.path : basename(one.path)) || 'app']))
  const nameOf = ({ path }: FoundApp) => names.get(path) ?? 'app'
  const kinds = new Map(await Promise.all(startable.map(async (one) => [one.path, await isWorker(one)] as const)))
  const public_ = startable.filter(({ path }) => kinds.get(path) !== true)
  const front = public_.find((one) => frontNames.includes(nameOf(one))) ?? public_[0]
  const services: Record<string, ServiceConfig> = {}
  const [todo, notes]: [string[], string[]] = [[], []]
  let database: DatabaseConfig | null = null
  for (const one of startable) {
    const name = nameOf(one)
    const settings = kinds.get(one.path) === true ? workerOf(one.app.settings as WebConfig) : one.app.settings
    const isBeside = kinds.get(one.path) !== true && one !== front
    const { kind, ...rest } = settings
    services[name] = {
      kind,
      directory: one.path,
      ...rest,
      ...(isBeside ? { routes: [{ host: `${name}.localhost` }] } : {}),
    } as ServiceConfig
    if (isBeside) notes.push(`${name} has a host of its own, ${name}.localhost: set its routes to what users shall see`)
    if (kinds.get(one.path) === true) notes.push(`${name} listens on no port: it is a worker`)
    else todo.push(...one.app.todo.map((line) => `${one.path}: ${line}`))
    if ((await detectDatabase(one.folder)) !== null) database = { engine: 'postgres' }
  }
  return { services, database, todo, notes }
}

/** A program of Node's that opens no port. */
async function isWorker({ app, folder }: FoundApp): Promise<boolean> {
  if (app.framework !== 'Node.js' || app.settings.kind === 'static') return false
  const sources = await folder.sources(['.js', '.mjs', '.cjs', '.ts', '.mts', '.cts'])
  return !sources.some(({ text }) => listening.test(text))
}

function workerOf({ build, start }: WebConfig): ServiceConfig {
  return { kind: 'worker', ...(build === undefined ? {} : { build }), start } as ServiceConfig
}
