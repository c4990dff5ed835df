import type { ProbeResult } from '../judge/index.ts'
import type { ReleaseRecord } from '../model/release.ts'
import type { EngineContext } from './context.ts'
import type { DeploymentRun } from './run.ts'

const PROBE_EVERY_MS = 10_000
const PROBE_TIMEOUT_MS = 5_000

/** Synthetic requests to the critical routes of both releases: what a site without traffic is judged by. */
export function startProber(
  context: EngineContext,
  run: DeploymentRun,
): { take(): readonly ProbeResult[]; stop(): void } {
  let results: ProbeResult[] = []
  const abort = new AbortController()
  let round = 0
  const probeAll = () => {
    round++
    for (const [release, record] of [
      ['old', run.base],
      ['new', run.release],
    ] as const) {
      if (record === null) continue
      void probeRelease(context, run, record, round, abort.signal).then((probes) => {
        results.push(...probes.map((probe) => ({ ...probe, release })))
      })
    }
  }
  const timer = setInterval(probeAll, PROBE_EVERY_MS)
  probeAll()
  return {
    take: () => {
      const taken = results
      results = []
      return taken
    },
    stop: () => {
      clearInterval(timer)
      abort.abort()
    },
  }
}

async function probeRelease(
  context: EngineContext,
  run: DeploymentRun,
  record: ReleaseRecord,
  round: number,
  signal: AbortSignal,
): Promise<{ readonly route: string; readonly ok: boolean }[]> {
  try {
    const { fleets } = await context.target.inspect(run.environment)
    const instances = fleets.find((fleet) => fleet.release === record.id)?.instances ?? []
    const probes = record.services
      .filter((service) => service.kind === 'web')
      .flatMap((service) => {
        const ready = instances.filter((instance) => instance.service === service.name && instance.state === 'ready')
        const address = ready[round % Math.max(1, ready.length)]?.address
        const paths = new Set([service.health.path ?? '/', ...run.settings.smoke])
        return address === undefined ? [] : [...paths].map((path) => ({ service: service.name, address, path }))
      })
    return await Promise.all(
      probes.map(async ({ service, address, path }) => ({
        route: `${service} ${path}`,
        ok: await answers(`http://${address.host}:${address.port}${path}`, signal),
      })),
    )
  } catch {
    return [] // the edge or the database is away for a moment: no measurement is no evidence
  }
}

async function answers(url: string, signal: AbortSignal): Promise<boolean> {
  try {
    const response = await fetch(url, {
      redirect: 'manual',
      headers: { 'user-agent': 'sluice-probe' },
      signal: AbortSignal.any([signal, AbortSignal.timeout(PROBE_TIMEOUT_MS)]),
    })
    await response.body?.cancel()
    return response.status < 500
  } catch {
    return false
  }
}
