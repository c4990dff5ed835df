import { setTimeout as sleep } from 'node:timers/promises'
import type { ApiClient } from '../../api/client/client.ts'
import type { Context } from '../command.ts'
import { loadProject } from '../project.ts'

/** Nobody waits longer while typing. */
const ANSWER_MS = 1000
const SHOWN = 30

type Names = readonly string[]

/** What the completion scripts ask while somebody types; none of it ever starts a control plane. */
export const nameKinds = {
  environments: async (context: Context): Promise<Names> => {
    const [configured, running] = await Promise.all([
      inTime(configuredEnvironments(context)),
      ofControlPlane(context, async (client, signal) =>
        (await client.environmentSummaries(signal)).map(({ name }) => name),
      ),
    ])
    return [...new Set([...configured, ...running])].sort()
  },
  releases: (context: Context, environment?: string): Promise<Names> =>
    ofControlPlane(context, async (client, signal) => {
      const query = { limit: SHOWN, signal, ...(environment === undefined ? {} : { environment }) }
      return (await client.releases(query)).items.map(({ record }) => record.id)
    }),
  deployments: (context: Context): Promise<Names> =>
    ofControlPlane(context, async (client, signal) =>
      (await client.deploymentSummaries({ limit: SHOWN, signal })).items.map(({ id }) => id),
    ),
} as const

export type NameKind = keyof typeof nameKinds

export function isNameKind(text: string): text is NameKind {
  return Object.hasOwn(nameKinds, text)
}

function ofControlPlane(
  context: Context,
  ask: (client: ApiClient, signal: AbortSignal) => Promise<Names>,
): Promise<Names> {
  return inTime(context.connect().then((client) => ask(client, AbortSignal.timeout(ANSWER_MS))))
}

/** Silence where there is nobody, where something is wrong, and where it takes too long. */
function inTime(names: Promise<Names>): Promise<Names> {
  return Promise.race([names.catch(() => []), sleep(ANSWER_MS, [])])
}

async function configuredEnvironments(context: Context): Promise<Names> {
  const { document } = await loadProject({ ...context, say: () => {} })
  return Object.keys((document as { environments?: object }).environments ?? {})
}
