import type { ProjectFolder } from './project-folder.ts'

const nodeDrivers = ['pg', 'postgres', '@neondatabase/serverless', 'pg-promise']
const pythonDrivers = /\b(?:psycopg2?|psycopg2-binary|asyncpg|pg8000)\b/i

export interface DetectedDatabase {
  readonly driver: string
  /** A script that looks like it changes the schema. */
  readonly migration: string | null
}

/** PostgreSQL, by the driver that the project depends on. */
export async function detectDatabase(folder: ProjectFolder): Promise<DetectedDatabase | null> {
  const driver =
    nodeDrivers.find((name) => folder.packages[name] !== undefined) ??
    (await pythonDriver(folder)) ??
    (await prisma(folder))
  if (driver === null) return null
  const script = ['migrate:deploy', 'db:migrate:deploy', 'db:migrate', 'migrate', 'migration:run'].find(
    (name) => folder.scripts[name] !== undefined,
  )
  return { driver, migration: script === undefined ? null : folder.script(script) }
}

async function pythonDriver(folder: ProjectFolder): Promise<string | null> {
  for (const file of ['requirements.txt', 'pyproject.toml']) {
    const found = pythonDrivers.exec((await folder.read(file)) ?? '')?.[0]
    if (found !== undefined) return found
  }
  return null
}

async function prisma(folder: ProjectFolder): Promise<string | null> {
  const schema = (await folder.read('prisma/schema.prisma')) ?? ''
  return /provider\s*=\s*"postgres(?:ql)?"/.test(schema) ? 'prisma' : null
}
