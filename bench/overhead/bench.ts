import { installation, must, numberOption } from '../../e2e/support/installation.ts'
import { median } from '../../e2e/support/stats.ts'
import { startTraffic } from '../../e2e/support/traffic/start.ts'
import type { Traffic } from '../../e2e/support/traffic/traffic.ts'
import { bootTimes } from '../support/boot-times.ts'
import { plainTable } from '../support/table.ts'

export const bench = {
  name: 'overhead',
  description:
    '--runs 10: wall time of `sluice deploy`, rolling, no bake, 2 instances, built already, minus the boot; the slowest request meanwhile',
  async run(args: string[]): Promise<void> {
    const runs = numberOption(args, 'runs', 10)
    // The same commit goes to a second environment first, so that the artifact exists when the clock runs.
    const place = await installation({ environments: { first: 'rolling', measured: 'rolling' } })
    let traffic: Traffic | null = null
    try {
      const walls: number[] = []
      const phases: Record<string, number[]> = {}
      must(await place.sluice('deploy', 'measured'), 'succeeded')
      traffic = await startTraffic({
        target: `http://127.0.0.1:${place.ports.measured}`,
        requestsPerSecond: 40,
        isolate: true,
        clients: [
          { kind: 'keep-alive', path: '/' },
          { kind: 'post', path: '/echo' },
        ],
      })
      for (let run = 0; run < runs; run++) {
        await place.commit()
        must(await place.sluice('deploy', 'first'), 'succeeded')
        const answer = must(await place.sluice('deploy', 'measured'), 'succeeded')
        walls.push(answer.milliseconds)
        for (const [phase, seconds] of Object.entries(answer.document.seconds as Record<string, number>)) {
          phases[phase] = [...(phases[phase] ?? []), seconds * 1000]
        }
      }
      const { requests, failed, latencyMs } = await traffic.stop()
      const boots = await bootTimes(runs)
      // Rolling launches one instance after the other: two boots are in the wall time.
      const boot = 2 * median(boots)
      console.log(
        plainTable({
          columns: ['figure', 'median'],
          rows: [
            [`slowest of ${requests} requests meanwhile (${failed} failed)`, latencyMs.max],
            ['wall time of sluice deploy', median(walls)],
            ['two boots of the bare application', boot],
            ['overhead', median(walls) - boot],
            ['wall time in boots (of two)', median(walls) / boot],
            ...Object.entries(phases).map(([phase, values]) => [`phase ${phase}`, median(values)]),
          ],
        }),
      )
    } finally {
      await traffic?.stop()
      await place.remove()
    }
  },
}
