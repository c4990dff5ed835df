import { setTimeout as sleep } from 'node:timers/promises'
import type { ApiClient } from '../../api/client/client.ts'
import { type ControlRecord, livingControlPlane } from '../../control/start.ts'
import { SluiceError } from '../../model/error.ts'
import { isAlive } from '../../support/process-identity.ts'
import type { Context, Handler } from '../command.ts'
import { assertNotInterrupted, interruptedError, unlessInterrupted } from '../interruption.ts'
import { livingHere } from '../living-here.ts'

const STOP_MS = 120_000

export const down: Handler<object, { all?: true }> = async ({ options }, context) => {
  const all = options.all === true
  const living = await livingHere(context.home)
  if (living === null && !all) {
    return { json: { status: 'stopped', all: false }, text: 'no control plane runs; users are served on' }
  }
  // Stopping everything takes a control plane: only it knows what everything is.
  const client = await context.connect({ start: all })
  const record = living ?? (await livingControlPlane(context.home))
  assertNotInterrupted(context.interrupted)
  const environments = all ? await runningIn(client) : []
  await unlessInterrupted(stopped(client, record, all, context), context.interrupted, () => goesOnStopping(all), 0)
  return {
    json: { status: 'stopped', all, ...(all ? { environments } : {}) },
    text: all
      ? ['everything is stopped', ...environments.map(lineOf)].join('\n')
      : 'the control plane is stopped; users are served on (`sluice down --all` stops everything)',
  }
}

interface Stopped {
  readonly environment: string
  readonly releases: readonly string[]
  readonly instances: number
}

/** What is there to stop, by environment; nothing known is no reason to stop nothing. */
async function runningIn(client: ApiClient): Promise<readonly Stopped[]> {
  const environments = await client.environments().catch(() => [])
  return environments
    .filter(({ fleets }) => fleets.length > 0)
    .map(({ key, fleets }) => ({
      environment: key,
      releases: fleets.map(({ release }) => release),
      instances: fleets.reduce((sum, { instances }) => sum + instances.length, 0),
    }))
}

function lineOf({ environment, releases, instances }: Stopped): string {
  return `  ${environment}: ${releases.join(', ')}, ${instances} ${instances === 1 ? 'instance' : 'instances'}`
}

async function stopped(client: ApiClient, record: ControlRecord | null, all: boolean, { home }: Context) {
  await client.shutdown(all)
  const deadline = performance.now() + STOP_MS
  while (record !== null && isAlive(record)) {
    if (performance.now() > deadline) {
      const seconds = STOP_MS / 1000
      throw new SluiceError(
        'WAIT_TIMED_OUT',
        `the control plane (process ${record.pid}) did not stop in ${seconds} s`,
        {
          hint: `read ${home.control}/control.log`,
        },
      )
    }
    await sleep(20)
  }
}

function goesOnStopping(all: boolean): SluiceError {
  return interruptedError(
    `interrupted: ${all ? 'everything' : 'the control plane'} goes on stopping`,
    'see `sluice status`; start it again with `sluice up`',
  )
}
