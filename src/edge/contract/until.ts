import { setTimeout as sleep } from 'node:timers/promises'

/** Waits for a condition; the deadline only ends a hanging test. */
export async function until<T>(
  what: string,
  condition: () => Promise<T> | T,
  deadlineMs = 120_000,
): Promise<NonNullable<T>> {
  const end = Date.now() + deadlineMs
  for (;;) {
    const value = await condition()
    if (value) return value
    if (Date.now() > end) throw new Error(`waited ${deadlineMs} ms in vain until ${what}`)
    await sleep(20)
  }
}
