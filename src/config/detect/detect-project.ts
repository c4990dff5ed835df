import { SluiceError } from '../../model/error.ts'
import { slug } from '../slug.ts'
import { detectDatabase } from './database.ts'
import type { DetectedApp, DetectedProject, Detector } from './detector.ts'
import { type FoundApp, findBelow, type Monorepo, monorepoOf } from './monorepo.ts'
import { nodeServer } from './node-server.ts'
import { openProjectFolder, type ProjectFolder } from './project-folder.ts'
import { python } from './python.ts'
import { staticSite } from './static-site.ts'
import { sveltekit } from './sveltekit.ts'

/** The most particular first. */
const detectors: readonly Detector[] = [sveltekit, staticSite, nodeServer, python]

/**
 * What `sluice init` writes for a folder: found by reading files, nothing is run. A workspace gets a service for each
 * project in it. Throws `NOT_FOUND` where no kind of project is recognised, naming subfolders that are one.
 */
export async function detectProject(dir: string): Promise<DetectedProject> {
  const folder = await openProjectFolder(dir)
  const app = (await isWorkspace(folder)) ? null : await detectApp(folder)
  if (app !== null) return single(folder, app)
  const below = await findBelow(folder, dir, detectApp)
  const found = await monorepoOf(below)
  if (found !== null) return several(folder, found, below)
  const root = await detectApp(folder)
  if (root !== null) return single(folder, root)
  throw unrecognised(
    dir,
    below.map(({ path }) => path),
  )
}

async function single(folder: ProjectFolder, app: DetectedApp): Promise<DetectedProject> {
  const database = app.settings.kind === 'static' ? null : await detectDatabase(folder)
  return {
    framework: app.framework,
    config: {
      project: projectName(folder.name),
      services: { [app.service]: app.settings },
      ...(database === null ? {} : { database: { engine: 'postgres' } }),
      environments,
    },
    database: database === null ? null : { engine: 'postgres' },
    todo: [...app.todo, ...packageTodo(folder)],
    notes: [
      ...app.notes,
      ...(database === null ? [] : [`${database.driver} is used: each environment gets a PostgreSQL, as DATABASE_URL`]),
      ...(database?.migration
        ? [
            `to run migrations before each release, set database.release: '${database.migration}' (it has to work from the build output)`,
          ]
        : []),
    ],
  }
}

function several(folder: ProjectFolder, found: Monorepo, below: readonly FoundApp[]): DetectedProject {
  const { services, database, todo, notes } = found
  const lockless = below.filter((one) => !one.folder.hasLockFile && Object.keys(one.folder.packages).length > 0)
  return {
    framework: `${Object.keys(services).length} services: ${below
      .filter(({ path }) => Object.values(services).some(({ directory }) => directory === path))
      .map(({ path, app }) => `${path} (${app.framework})`)
      .join(', ')}`,
    config: {
      project: projectName(folder.name),
      services,
      ...(database === null ? {} : { database }),
      environments,
    },
    database,
    todo: [
      ...todo,
      ...lockless.map(
        ({ path }) => `${path}: run npm install (or pnpm, yarn) and commit the lock file: builds install from it`,
      ),
    ],
    notes,
  }
}

const environments = { staging: { strategy: 'rolling' }, production: { strategy: 'canary' } } as const

async function isWorkspace(folder: ProjectFolder): Promise<boolean> {
  return folder.has('pnpm-workspace.yaml') || /"workspaces"\s*:/.test((await folder.read('package.json')) ?? '')
}

async function detectApp(folder: ProjectFolder): Promise<DetectedApp | null> {
  for (const detector of detectors) {
    const app = await detector.detect(folder)
    if (app !== null) return app
  }
  return null
}

function packageTodo(folder: ProjectFolder): readonly string[] {
  if (Object.keys(folder.packages).length === 0) return []
  if (folder.manager === 'bun')
    return ["set build.install, such as 'bun install --frozen-lockfile': bun has to be on the machine"]
  return folder.hasLockFile ? [] : ['run npm install (or pnpm, yarn) and commit the lock file: builds install from it']
}

function unrecognised(dir: string, below: readonly string[]): SluiceError {
  return new SluiceError('NOT_FOUND', `${dir} holds no kind of project that is recognised`, {
    hint:
      below.length > 0
        ? `there are projects in ${below.join(', ')}: run \`sluice init\` there`
        : 'known are SvelteKit, Vite and other static sites, Node servers (Express, Fastify, Hono …) and Python (uvicorn, gunicorn); docs/configuration.md shows how to write the file by hand',
    details: { below },
  })
}

function projectName(name: string): string {
  return slug(name.replace(/^@[^/]+\//, '')) || 'app'
}
