import { setTimeout as sleep } from 'node:timers/promises'
import { installation, must, numberOption } from '../../e2e/support/installation.ts'
import { median } from '../../e2e/support/stats.ts'
import { startTraffic } from '../../e2e/support/traffic/start.ts'
import { bootTimes } from '../support/boot-times.ts'
import { plainTable } from '../support/table.ts'

export const bench = {
  name: 'rollback',
  description: '--runs 7: from the command to the last request that the bad release got, old fleet warm',
  async run(args: string[]): Promise<void> {
    const runs = numberOption(args, 'runs', 7)
    const place = await installation({ environments: { e: { name: 'blue-green', bake: '10m', latency: false } } })
    try {
      must(await place.sluice('deploy', 'e'), 'succeeded')
      const traffic = await startTraffic({
        target: `http://127.0.0.1:${place.ports.e}`,
        requestsPerSecond: 200,
        isolate: true,
        clients: [
          { kind: 'keep-alive', path: '/' },
          { kind: 'fresh', path: '/' },
          { kind: 'post', path: '/echo' },
        ],
      })
      const lasts: number[] = []
      const commands: number[] = []
      for (let run = 0; run < runs; run++) {
        await place.commit()
        const deployed = must(await place.sluice('deploy', 'e', '--until', 'serving'), 'serving')
        await sleep(1500)
        const commandAt = Date.now()
        const answer = must(await place.sluice('rollback', 'e'), 'succeeded')
        await sleep(500)
        const stats = await traffic.stats()
        const bad = stats.releases[String(deployed.document.release)]
        if (bad === undefined) throw new Error('the release that was rolled back got no request')
        lasts.push(bad.lastBegunAt - commandAt)
        commands.push(answer.milliseconds)
      }
      const stats = await traffic.stop()
      const boot = median(await bootTimes(runs))
      console.log(
        plainTable({
          columns: ['figure', 'value'],
          rows: [
            ['rollbacks', runs],
            ['command to last request of the bad release, median ms', median(lasts)],
            ['the same, longest ms', Math.max(...lasts)],
            ['one boot of the bare application, median ms', boot],
            ['the median in boots', median(lasts) / boot],
            ['whole command, median ms', median(commands)],
            ['requests', stats.requests],
            ['failed', stats.failed],
          ],
        }),
      )
    } finally {
      await place.remove()
    }
  },
}
