import { describe, expect, test } from 'vitest'
import type { Gate, GateContext } from './gate.ts'

/** A gate, and what it meets in each case. */
export interface GateSuite {
  readonly gate: Gate
  /** A release that is as it should be. */
  readonly good: () => GateContext
  /** One that is not. */
  readonly bad: () => GateContext
  /** What it looks at cannot be reached at all. */
  readonly unreachable: () => GateContext
  /** Nothing of what it looks at is there. */
  readonly empty: () => GateContext
}

/** What every gate promises. */
export function gateContract({ gate, good, bad, unreachable, empty }: GateSuite): void {
  describe(`the gate ${gate.name}`, () => {
    test('passes what is as it should be, and says what it saw', async () => {
      expect(await gate.run(good())).toMatchObject({ outcome: 'pass', text: expect.stringMatching(/./) })
    })

    test('fails what is not, with the fact that tells where to look', async () => {
      const { outcome, text, details } = await gate.run(bad())
      expect([outcome, text.length > 0, Object.keys(details ?? {}).length > 0]).toEqual(['fail', true, true])
    })

    test('says error, not fail, when it could not find out', async () => {
      expect(await gate.run(unreachable())).toMatchObject({ outcome: 'error' })
    })

    test('says skipped where there is nothing to look at', async () => {
      expect(await gate.run(empty())).toMatchObject({ outcome: 'skipped' })
    })

    test('gives the same result when it is run again', async () => {
      const context = bad()
      expect(await gate.run(context)).toEqual(await gate.run(context))
    })

    test('ends with the reason of its signal', async () => {
      const reason = new Error('no longer wanted')
      for (const context of [good(), unreachable()])
        await expect(gate.run({ ...context, signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    })
  })
}
