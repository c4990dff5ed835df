import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Installation, installation, must } from './support/installation.ts'

const canary = { variable: 'canary-variable-1', secret: 'canary-secret-2', start: 'canary-start-3' }
const bin = resolve(import.meta.dirname, '../bin/sluice')
const printing = 'echo "given: $DATABASE_URL $API_KEY $PARTNER"'

let place: Installation
beforeAll(async () => {
  place = await installation({
    instances: 1,
    environments: { e: 'rolling' },
    document: { database: { release: printing } },
  })
  await place.setService({
    start: `START_TOKEN=${canary.start}; ${printing}; exec node app.mjs`,
    env: { API_KEY: canary.variable, LOG_LEVEL: 'info' },
  })
  await place.commit()
  await setSecret('PARTNER', canary.secret)
}, 90_000)
afterAll(() => place?.remove(), 60_000)

async function setSecret(name: string, value: string): Promise<void> {
  const env = { ...process.env, SLUICE_HOME: place.home, CI: 'true' }
  const child = spawn(process.execPath, [bin, 'secret', 'set', 'e', name], {
    cwd: place.project,
    env,
    stdio: ['pipe', 'ignore', 'pipe'],
  })
  child.stdin.end(value)
  const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')])
  if (code !== 0) throw new Error(said)
}

test('what programs are given is found in no answer, no log and no event', async () => {
  const shown: Record<string, string> = {}
  const see = async (...args: string[]) => {
    const printed = await place.print(...args).catch((error: object) => error)
    shown[args.join(' ')] = JSON.stringify(printed)
    shown[`${args.join(' ')} --json`] = JSON.stringify((await place.sluice(...args)).document)
  }
  shown['first deploy'] = JSON.stringify(must(await place.sluice('deploy', 'e'), 'succeeded').document)
  await see('deploy', 'e')
  for (const args of [['status', 'e'], ['releases'], ['releases', 'show', 'r1'], ['config', 'print'], ['logs', 'e']])
    await see(...args)
  shown['control.log'] = await readFile(join(place.home, 'control', 'control.log'), 'utf8')
  const control = JSON.parse(await readFile(join(place.home, 'control', 'control.json'), 'utf8')) as { port: number }
  const token = (await readFile(join(place.home, 'control', 'token'), 'utf8')).trim()
  const api = (path: string) =>
    fetch(`http://127.0.0.1:${control.port}/api/v1/${path}`, {
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(5000),
    })
  for (const path of ['releases', 'releases/r1', 'deployments', 'environments', 'environments/bench.e'])
    shown[path] = await (await api(path)).text()
  shown.events = await (await api('events?deployment=d1')).text()

  const password = await readFile(join(place.home, 'databases', 'bench.e', 'app-password'), 'utf8')
  const hidden = [...Object.values(canary), password]
  const leaks = Object.entries(shown).filter(([, seen]) => hidden.some((value) => seen.includes(value)))
  expect(leaks.map(([where]) => where)).toEqual([])
  // It was looked at the right places.
  expect(shown['logs e']).toContain('given: postgres://app:••••••@127.0.0.1')
  expect(shown.events).toMatch(
    /given: postgres:\/\/app:••••••@127.0.0.1:\d+\/app •••••• ••••••|given: •••••• •••••• ••••••/,
  )
  expect(shown['releases/r1']).toContain('"LOG_LEVEL":"info"')
  expect(shown['releases/r1']).toContain('"API_KEY":"••••••"')
}, 240_000)
