import { listProjects } from '../store/projects.ts'
import type { EngineContext } from './context.ts'
import type { Projects } from './engine.ts'

export function projectsOf(context: EngineContext): Projects {
  return {
    list: async () =>
      (await listProjects(context.database)).map(({ name, directory, repository, created_at }) => ({
        name,
        directory,
        repository,
        createdAt: created_at.toISOString(),
      })),
  }
}
