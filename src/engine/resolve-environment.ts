import { SluiceError } from '../model/error.ts'
import { type EnvironmentRow, listEnvironments } from '../store/environments.ts'
import { nearest } from '../support/nearest.ts'
import type { EngineContext } from './context.ts'

/** By key, or by name where only one project has it. */
export async function resolveEnvironment(context: EngineContext, wanted: string): Promise<EnvironmentRow> {
  const rows = await listEnvironments(context.database)
  const exact = rows.find((row) => row.key === wanted)
  if (exact !== undefined) return exact
  const named = rows.filter((row) => row.name === wanted)
  if (named.length === 1 && named[0] !== undefined) return named[0]
  if (named.length > 1) {
    throw new SluiceError('ENVIRONMENT_UNKNOWN', `${named.length} projects have an environment ${wanted}`, {
      hint: `name one of ${named.map((row) => row.key).join(', ')}`,
    })
  }
  const names = rows.flatMap((row) => [row.key, row.name])
  const suggestion = nearest(wanted, names)
  throw new SluiceError('ENVIRONMENT_UNKNOWN', `there is no environment ${wanted}`, {
    hint:
      rows.length === 0
        ? 'nothing was deployed yet: run `sluice deploy <environment>`'
        : `${suggestion === null ? '' : `did you mean ${suggestion}? `}known: ${rows.map((row) => row.key).join(', ')}`,
  })
}
