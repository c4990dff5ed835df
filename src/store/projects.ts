import { type Selectable, sql } from 'kysely'
import type { Database, Tables } from './database.ts'

export type ProjectRow = Selectable<Tables['projects']>

/** Registers the project the first time; afterwards the folder is the one of the last deployment. */
export async function rememberProject(
  database: Database,
  project: { readonly name: string; readonly directory: string; readonly repository: string | null },
): Promise<void> {
  const { directory, repository } = project
  await database
    .insertInto('projects')
    .values(project)
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ directory, repository, updated_at: sql`now()` }))
    .execute()
}

export function findProject(database: Database, name: string): Promise<ProjectRow | undefined> {
  return database.selectFrom('projects').selectAll().where('name', '=', name).executeTakeFirst()
}

export function listProjects(database: Database): Promise<ProjectRow[]> {
  return database.selectFrom('projects').selectAll().orderBy('name').execute()
}
