import type { Fault } from './tasks.ts'

/** What the switches of the test application make of a simulated task. */
export function faultOf(env: Readonly<Record<string, string>>): {
  readonly fault: Fault | null
  readonly exitCode: number
} {
  const exitCode = Number(env.APP_EXIT_CODE ?? 1)
  if (env.APP_CRASH_AFTER_MS !== undefined) return { fault: 'crashes', exitCode }
  if (env.APP_NEVER_LISTEN !== undefined || env.APP_PORT !== undefined) return { fault: 'not-listening', exitCode }
  if (env.APP_HEALTH_STATUS !== undefined) return { fault: 'unhealthy', exitCode }
  if (env.APP_HEALTH_DELAY_MS !== undefined) return { fault: 'silent', exitCode }
  return { fault: null, exitCode }
}
