import { spawn } from 'node:child_process'
import { get } from 'node:http'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { installation, must, numberOption } from '../../e2e/support/installation.ts'
import { median } from '../../e2e/support/stats.ts'
import { startTraffic } from '../../e2e/support/traffic/start.ts'
import type { Traffic } from '../../e2e/support/traffic/traffic.ts'
import { freePort } from '../../src/support/testing/free-port.ts'
import { plainTable } from '../support/table.ts'

const app = resolve(import.meta.dirname, '../../e2e/apps/app.mjs')

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
          columns: ['figure', 'median ms'],
          rows: [
            [`slowest of ${requests} requests meanwhile (${failed} failed)`, latencyMs.max],
            ['wall time of sluice deploy', median(walls)],
            ['two boots of the bare application', boot],
            ['overhead', median(walls) - boot],
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

/** From spawn to the first 200 on /health, without Sluice. */
async function bootTimes(runs: number): Promise<number[]> {
  const times: number[] = []
  for (let run = 0; run < runs; run++) {
    const port = await freePort()
    const startedAt = performance.now()
    const child = spawn(process.execPath, [app], { env: { ...process.env, PORT: String(port) }, stdio: 'ignore' })
    while (!(await isHealthy(port))) await sleep(2)
    times.push(performance.now() - startedAt)
    child.kill('SIGKILL')
  }
  return times
}

function isHealthy(port: number): Promise<boolean> {
  return new Promise((done) => {
    get({ host: '127.0.0.1', port, path: '/health', agent: false }, (response) => {
      response.resume()
      done(response.statusCode === 200)
    }).on('error', () => done(false))
  })
}
