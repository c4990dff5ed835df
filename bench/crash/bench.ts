import { type BoundaryReport, killAtBoundaries } from '../../e2e/crash/boundary-kills.ts'
import { environment, scenarios } from '../../e2e/crash/scenarios.ts'
import { type Resumption, startVisitors } from '../../e2e/crash/watch.ts'
import { installation, must, numberOption } from '../../e2e/support/installation.ts'
import { median } from '../../e2e/support/stats.ts'
import type { Traffic, TrafficStats } from '../../e2e/support/traffic/traffic.ts'
import { plainTable } from '../support/table.ts'
import { killAtRandom, type RandomReport } from './random-kills.ts'

export const bench = {
  name: 'crash',
  description:
    '--kills 200 --boundaries 1 [--only NAME]: kill -9 of the control plane under traffic, at every step boundary and at random moments',
  async run(args: string[]): Promise<void> {
    const kills = numberOption(args, 'kills', 200)
    const isExact = numberOption(args, 'boundaries', 1) > 0
    const only = args.includes('--only') ? args[args.indexOf('--only') + 1] : undefined
    const say = (line: string) => console.log(line)
    const place = await installation({ environments: { [environment]: 'rolling' } })
    let visitors: Traffic | null = null
    try {
      must(await place.sluice('deploy', environment), 'succeeded')
      visitors = await startVisitors(place)
      const reports: BoundaryReport[] = []
      for (const scenario of isExact ? scenarios : []) {
        if (only === undefined || scenario.name === only) reports.push(await killAtBoundaries(place, scenario, { say }))
      }
      const random = kills > 0 ? await killAtRandom(place, kills, say) : null
      const stats = await visitors.stop()
      visitors = null
      for (const failure of stats.failures.slice(0, 10)) say(JSON.stringify(failure))
      if (reports.length > 0) say(boundaryTable(reports))
      if (random !== null) say(randomTable(random))
      say(trafficTable(stats))
    } finally {
      // A failed run must not live on through the process that makes the traffic.
      await visitors?.stop()
      await place.remove()
    }
  },
}

function boundaryTable(reports: readonly BoundaryReport[]): string {
  const rows = reports.map(({ scenario, boundaries, killed, wrong, resumptions }) => [
    scenario,
    boundaries,
    killed,
    killed + 1 - wrong.length,
    ...times(resumptions),
  ])
  return plainTable({
    columns: ['scenario', 'boundaries', 'kills', 'right outcomes (and one without a kill)', ...timeColumns],
    rows,
  })
}

function randomTable({ kills, deployments, outcomes, resumptions }: RandomReport): string {
  const told = Object.entries(outcomes)
    .map(([outcome, count]) => `${count} ${outcome}`)
    .join(', ')
  return plainTable({
    columns: ['random kills', 'deployments', 'outcomes', ...timeColumns],
    rows: [[kills, deployments, told, ...times(resumptions)]],
  })
}

const timeColumns = ['kill to resumed, median ms', 'longest', 'start to resumed, median ms', 'longest']

function times(resumptions: readonly Resumption[]): readonly number[] {
  const [kill, start] = [resumptions.map((one) => one.fromKillMs), resumptions.map((one) => one.fromStartMs)]
  return [median(kill), Math.max(...kill), median(start), Math.max(...start)].map(Math.round)
}

function trafficTable({ requests, failed, latencyMs, longestGap }: TrafficStats): string {
  return plainTable({
    columns: ['requests', 'failed', 'p99.9 ms', 'longest gap ms'],
    rows: [[requests, failed, latencyMs.p999, longestGap.ms]],
  })
}
