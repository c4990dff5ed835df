import { spawn } from 'node:child_process'
import { get } from 'node:http'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../../src/support/testing/free-port.ts'

const app = resolve(import.meta.dirname, '../../e2e/apps/app.mjs')

/** From spawn to the first 200 on /health, without Sluice, in milliseconds: what a machine's own speed is measured by. */
export async function bootTimes(runs: number): Promise<number[]> {
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
