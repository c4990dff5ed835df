import { expect, test } from 'vitest'
import type { ReleaseService } from '../model/release.ts'
import { patienceWith } from './patience.ts'

const pace = { inspectMs: 1000, launchMs: 60_000, shiftMs: 15_000, quietMs: 5000 }

test('a fleet that shrinks has the time that its instances need for their goodbye, over that of a launch', () => {
  const services = [{ health: { readyMs: 60_000 }, drainMs: 600_000, stopGraceMs: 10_000 }] as ReleaseService[]
  const { scaleMs, retireMs } = patienceWith({ pace })
  expect(scaleMs({ services })).toBe(60_000 + 60_000 + 610_000)
  expect(retireMs({ services })).toBeGreaterThan(610_000)
})

test('a slow place is looked at less often, and given longer for everything', () => {
  const slow = patienceWith({ pace: { inspectMs: 10_000, launchMs: 600_000, shiftMs: 120_000, quietMs: 300_000 } })
  const quick = patienceWith({ pace })
  for (const key of ['tickMs', 'deadMs', 'shiftMs', 'seenMs', 'readMs', 'restoreMs'] as const) {
    expect(slow[key]).toBeGreaterThan(quick[key])
  }
})
