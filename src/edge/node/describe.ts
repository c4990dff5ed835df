import type { EdgeEnvironment } from '../edge.ts'
import { ALL_SERVICES, type Environment } from './environment.ts'

/** An environment as `inspect` shows it. */
export function describeEnvironment(environment: Environment): EdgeEnvironment {
  const { name, table, holds, releases, backends } = environment
  const services = new Set([...releases.values()].flatMap((release) => [...release.services.keys()]))
  const held = [...holds].flatMap(([service, mode]) =>
    (service === ALL_SERVICES ? [...services] : [service]).map((each) => ({ service: each, mode })),
  )
  return {
    environment: name,
    fence: table.fence,
    split: table.split,
    hold: held,
    instances: [...backends.values()].map((backend) => backend.describe()),
  }
}
