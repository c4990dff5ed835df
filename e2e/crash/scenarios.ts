import { setTimeout as sleep } from 'node:timers/promises'
import type { Installation } from '../support/installation.ts'
import { must } from '../support/installation.ts'

/** What is done to an environment while the control plane dies once, and how it has to end. */
export interface Scenario {
  readonly name: string
  readonly strategy: unknown
  /** Brings the environment to where `act` begins; the control plane lives. */
  prepare(place: Installation): Promise<void>
  /** Answers with how it ended, whatever died meanwhile. */
  act(place: Installation): Promise<{ readonly status: string; readonly release: string }>
  readonly workflow: 'deploy' | 'rollback'
  readonly status: 'succeeded' | 'failed' | 'cancelled'
}

export const environment = 'e'
const short = { bake: '1s', latency: false }
const fixed = { name: 'canary', steps: [50], stepTime: '1s', maxWait: '3s', ...short }

const nextRelease = (place: Installation) => place.commit()
const deploy = async (place: Installation) => ended(await place.sluice('deploy', environment))

export const scenarios: readonly Scenario[] = [
  { name: 'rolling', strategy: 'rolling', prepare: nextRelease, act: deploy, workflow: 'deploy', status: 'succeeded' },
  {
    name: 'blue-green',
    strategy: { name: 'blue-green', ...short },
    prepare: nextRelease,
    act: deploy,
    workflow: 'deploy',
    status: 'succeeded',
  },
  { name: 'canary', strategy: fixed, prepare: nextRelease, act: deploy, workflow: 'deploy', status: 'succeeded' },
  {
    name: 'rollback to the warm release',
    strategy: { name: 'blue-green', ...short, bake: '10m' },
    prepare: async (place) => {
      await place.commit()
      must(await place.sluice('deploy', environment, '--until', 'serving'), 'serving')
    },
    act: async (place) => ended(await place.sluice('rollback', environment)),
    workflow: 'rollback',
    status: 'succeeded',
  },
  {
    name: 'rollback to a kept release',
    strategy: 'rolling',
    prepare: async (place) => {
      await place.commit()
      must(await place.sluice('deploy', environment), 'succeeded')
    },
    act: async (place) => ended(await place.sluice('rollback', environment)),
    workflow: 'rollback',
    status: 'succeeded',
  },
  {
    name: 'a smoke check that fails',
    strategy: { name: 'blue-green', ...short, smoke: ['/status/503'] },
    prepare: nextRelease,
    act: deploy,
    workflow: 'deploy',
    status: 'failed',
  },
  {
    name: 'a canary that is cancelled at 50 %',
    strategy: { ...fixed, stepTime: '5m', maxWait: '30m' },
    prepare: nextRelease,
    act: cancelledCanary,
    workflow: 'deploy',
    status: 'cancelled',
  },
]

async function cancelledCanary(place: Installation): Promise<{ status: string; release: string }> {
  const { document } = await place.sluice('deploy', environment, '--detach')
  const id = String(document.deployment)
  let isCancelled = false
  for (;;) {
    await place.sluice('up')
    const { id: latest, state, running, weight, release } = await latestDeployment(place)
    if (latest === id && running === false) return { status: String(state), release: String(release) }
    if (!isCancelled && Number(weight) >= 0.5) {
      isCancelled = (await place.sluice('cancel', id)).code === 0
    }
    await sleep(100)
  }
}

async function latestDeployment(place: Installation): Promise<Readonly<Record<string, unknown>>> {
  const { document } = await place.sluice('status', environment)
  const found = (document.environments as { deployment: Record<string, unknown> | null }[] | undefined)?.[0]
  return found?.deployment ?? {}
}

function ended({ document }: { document: Readonly<Record<string, unknown>> }): { status: string; release: string } {
  const { status, release } = document
  return { status: typeof status === 'string' ? status : JSON.stringify(document), release: String(release) }
}
