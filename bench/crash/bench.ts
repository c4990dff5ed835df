import { setTimeout as sleep } from 'node:timers/promises'
import { type Installation, installation, must, numberOption } from '../support/installation.ts'
import { median } from '../support/stats.ts'
import { plainTable } from '../support/table.ts'
import { startTraffic } from '../support/traffic/start.ts'

const strategies = [
  'rolling',
  { name: 'blue-green', bake: '1s', latency: false },
  { name: 'canary', steps: [50], stepTime: '1s', bake: '1s', maxWait: '3s', latency: false },
] as const

export const bench = {
  name: 'crash',
  description:
    '--kills 200: kill -9 of the control plane at random moments of deployments, all strategies, under traffic',
  async run(args: string[]): Promise<void> {
    const kills = numberOption(args, 'kills', 200)
    const place = await installation({ environments: { e: 'rolling' } })
    const outcomes: Record<string, number> = {}
    const resumed: number[] = []
    let done = 0
    let deployments = 0
    try {
      must(await place.sluice('deploy', 'e'), 'succeeded')
      const traffic = await startTraffic({
        target: `http://127.0.0.1:${place.ports.e}`,
        requestsPerSecond: 60,
        isolate: true,
        clients: [
          { kind: 'keep-alive', path: '/' },
          { kind: 'fresh', path: '/' },
          { kind: 'post', path: '/echo' },
        ],
      })
      while (done < kills) {
        await place.setStrategy('e', strategies[deployments % strategies.length])
        await place.commit()
        const before = await servingRelease(place)
        let isOver = false
        // The command line itself brings the control plane back when it dies.
        const deploying = place.sluice('deploy', 'e').finally(() => (isOver = true))
        while (!isOver && done < kills) {
          await sleep(Math.random() * 1800)
          const pid = await place.controlPid()
          if (isOver || pid === null || !kill(pid)) continue
          done++
          const killedAt = performance.now()
          while (!isOver && (await place.controlPid()) === pid) await sleep(10)
          resumed.push(performance.now() - killedAt)
        }
        const answer = await deploying
        deployments++
        const status = String(answer.document.status)
        const serves = await servingRelease(place)
        const isRight = status === 'succeeded' ? serves === answer.document.release : serves === before
        const key = isRight ? status : `WRONG: ${status}, but ${serves} serves`
        outcomes[key] = (outcomes[key] ?? 0) + 1
        if (status !== 'succeeded') console.log(JSON.stringify(answer.document).slice(0, 600))
      }
      const stats = await traffic.stop()
      for (const failure of stats.failures.slice(0, 10)) console.log(JSON.stringify(failure))
      console.log(
        plainTable({
          columns: ['figure', 'value'],
          rows: [
            ['kills', done],
            ['deployments', deployments],
            ...Object.entries(outcomes).map(([outcome, count]) => [`outcome ${outcome}`, count]),
            ['requests', stats.requests],
            ['failed', stats.failed],
            ['dead to next control plane ready, median ms', median(resumed)],
            ['the same, longest ms', Math.max(...resumed)],
          ],
        }),
      )
    } finally {
      await place.remove()
    }
  },
}

async function servingRelease(place: Installation): Promise<string | null> {
  await place.sluice('up')
  const { document } = await place.sluice('status', 'e')
  return (document.environments as { release: string }[])[0]?.release ?? null
}

function kill(pid: number): boolean {
  try {
    process.kill(pid, 'SIGKILL')
    return true
  } catch {
    return false
  }
}
