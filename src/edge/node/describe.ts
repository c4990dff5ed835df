import { heldServices } from '../../model/holds.ts'
import type { EdgeEnvironment } from '../edge.ts'
import type { Environment } from './environment.ts'

/** An environment as `inspect` shows it. */
export function describeEnvironment(environment: Environment): EdgeEnvironment {
  const { name, table, holds, releases, backends } = environment
  const services = new Set([...releases.values()].flatMap((release) => [...release.services.keys()]))
  return {
    environment: name,
    fence: table.fence,
    split: table.split,
    hold: heldServices(holds, services),
    instances: [...backends.values()].map((backend) => backend.describe()),
  }
}
