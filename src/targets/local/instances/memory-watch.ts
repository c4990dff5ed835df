import { appendFileSync, readFileSync } from 'node:fs'
import { relativesOf } from '../processes/process-tree.ts'

/**
 * Where nothing enforces a memory limit, a program above it is ended by us and then started again like after any crash.
 * `shim` is spared: it writes the exit code. True when something was ended.
 */
export function endAboveLimit(options: {
  readonly shim: number
  readonly limitBytes: number
  readonly log: string
}): boolean {
  const { shim, limitBytes, log } = options
  const pids = (relativesOf(shim) ?? []).filter((pid) => pid !== shim)
  const usedBytes = pids.reduce((sum, pid) => sum + residentBytes(pid), 0)
  if (usedBytes <= limitBytes) return false
  const [used, limit] = [usedBytes, limitBytes].map((bytes) => `${Math.round(bytes / 1024 / 1024)} MB`)
  appendFileSync(log, `sluice: ended, as it used ${used} of memory and its limit is ${limit}\n`)
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // gone meanwhile
    }
  }
  return true
}

/** Pages shared between processes count for each of them. */
function residentBytes(pid: number): number {
  try {
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    return Number(kilobytes ?? 0) * 1024
  } catch {
    return 0
  }
}
