import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { SluiceError } from '../../model/error.ts'
import { slug } from '../slug.ts'
import { detectDatabase } from './database.ts'
import type { DetectedApp, DetectedProject, Detector } from './detector.ts'
import { nodeServer } from './node-server.ts'
import { openProjectFolder, type ProjectFolder } from './project-folder.ts'
import { python } from './python.ts'
import { staticSite } from './static-site.ts'
import { sveltekit } from './sveltekit.ts'

/** The most particular first. */
const detectors: readonly Detector[] = [sveltekit, staticSite, nodeServer, python]

/**
 * What `sluice init` writes for a folder: found by reading files, nothing is run. Throws `NOT_FOUND` where no kind of
 * project is recognised, naming subfolders that are one.
 */
export async function detectProject(dir: string): Promise<DetectedProject> {
  const folder = await openProjectFolder(dir)
  const app = await detectApp(folder)
  if (app === null) throw await unrecognised(dir)
  const database = app.settings.kind === 'static' ? null : await detectDatabase(folder)
  return {
    framework: app.framework,
    config: {
      project: projectName(folder.name),
      services: { [app.service]: app.settings },
      ...(database === null ? {} : { database: { engine: 'postgres' } }),
      environments: { staging: { strategy: 'rolling' }, production: { strategy: 'canary' } },
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

async function unrecognised(dir: string): Promise<SluiceError> {
  const below: string[] = []
  for (const parent of ['', 'apps', 'packages', 'services']) {
    const entries = await readdir(join(dir, parent), { withFileTypes: true }).catch(() => [])
    for (const entry of entries) {
      if (!entry.isDirectory() || entry.name.startsWith('.') || entry.name === 'node_modules') continue
      const path = join(parent, entry.name)
      if ((await detectApp(await openProjectFolder(join(dir, path)))) !== null) below.push(path)
    }
  }
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
