import type { EdgeSettings } from '../../../edge/edge-settings.ts'
import { SluiceError } from '../../../model/error.ts'
import { isFree } from '../instances/ports.ts'

/** Where ports are chosen from. */
const standardRange = { first: 8080, last: 8999 }

/** Ports of public listeners that were chosen here, by environment: people have bookmarked them. */
export interface PublicPorts {
  known(): Promise<ReadonlyMap<string, number>>
  /** The first choice stays; answers with the one that does. */
  remember(environment: string, port: number): Promise<number>
}

/** The configured port, or the one chosen for this environment the first time: a free one, remembered. */
export async function resolveHttpPort(
  environment: string,
  edge: EdgeSettings,
  ports: PublicPorts,
  { first, last } = standardRange,
): Promise<number | null> {
  if (edge.httpPort !== null) return edge.httpPort
  if (edge.httpsPort !== null && !edge.redirectToHttps) return null
  const known = await ports.known()
  const own = known.get(environment)
  if (own !== undefined) return own
  const taken = new Set(known.values())
  for (let port = first; port <= last; port++) {
    if (!taken.has(port) && (await isFree(port))) return ports.remember(environment, port)
  }
  throw new SluiceError('NO_PORT', `no port from ${first} to ${last} is free for the public listener`, {
    hint: 'name one in the configuration: edge: { http: 80 }',
  })
}

/** For a target without a control plane: nothing outlives it. */
export function portsInMemory(): PublicPorts {
  const chosen = new Map<string, number>()
  return {
    known: async () => chosen,
    remember: async (environment, port) => {
      chosen.set(environment, chosen.get(environment) ?? port)
      return chosen.get(environment) ?? port
    },
  }
}
