import { expect, test } from 'vitest'
import type { Instance } from '../model/instance.ts'
import type { ReleaseRecord } from '../model/release.ts'
import { gateContract } from './gate.contract.ts'
import type { GateContext } from './gate.ts'
import { smoke } from './smoke.ts'

const services = [
  { name: 'web', kind: 'web' },
  { name: 'mail', kind: 'worker' },
]
const release = { id: 'r2', services } as unknown as ReleaseRecord

const instance = (service: string, index: number): Instance => ({
  id: `r2-${service}-${index}`,
  environment: 'shop.production',
  release: 'r2',
  service,
  index,
  state: 'ready',
  restarts: 0,
})

const context = (status: number | null, change: Partial<GateContext> = {}): GateContext => ({
  release,
  instances: [instance('web', 0), instance('web', 1), instance('mail', 0)],
  ask: async () => ({ status, release: 'r2', detail: 'no connection' }),
  signal: new AbortController().signal,
  ...change,
})

gateContract({
  gate: smoke(['/', '/health']),
  good: () => context(204),
  bad: () => context(500),
  unreachable: () => context(null, { ask: () => Promise.reject(new Error('the place does not answer')) }),
  empty: () => context(200, { instances: [instance('mail', 0)] }),
})

test('smoke asks every web instance for every path, and no worker', async () => {
  const asked: string[] = []
  const ask: GateContext['ask'] = async ({ id }, path) => {
    asked.push(`${id} ${path}`)
    return { status: 302, release: 'r2', detail: '' }
  }
  expect(await smoke(['/', '/health']).run(context(null, { ask }))).toEqual({
    outcome: 'pass',
    text: '4 checks passed',
  })
  expect(asked).toEqual(['r2-web-0 /', 'r2-web-0 /health', 'r2-web-1 /', 'r2-web-1 /health'])
})

test('smoke takes a silent instance for a bad one', async () => {
  expect(await smoke(['/']).run(context(null))).toEqual({
    outcome: 'fail',
    text: 'smoke check GET / of r2-web-0 gave no answer: no connection',
    details: { instance: 'r2-web-0', path: '/' },
  })
})
