import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** A process by something that a reused pid cannot fake. */
export interface ProcessIdentity {
  readonly pid: number
  /** Field 22 of /proc/<pid>/stat on Linux, `ps -o lstart=` elsewhere. */
  readonly startTime: string
  readonly bootId: string
}

export function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    try {
      return execFileSync('sysctl', ['-n', 'kern.bootsessionuuid'], { encoding: 'utf8', timeout: 2000 }).trim()
    } catch {
      return 'unknown'
    }
  }
}

/** Null when no such process lives (a zombie does not live). */
export function startTimeOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The command name may hold spaces and brackets: fields are counted from the last bracket.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' || fields[0] === 'X' ? null : (fields[19] ?? null)
  } catch {
    if (process.platform === 'linux') return null
    try {
      const out = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8', timeout: 2000 })
      return out.trim() || null
    } catch {
      return null
    }
  }
}

export function identityOf(pid: number): ProcessIdentity | null {
  const startTime = startTimeOf(pid)
  return startTime === null ? null : { pid, startTime, bootId: bootId() }
}

/** True while exactly this process lives. */
export function isAlive(identity: ProcessIdentity): boolean {
  return identity.bootId === bootId() && startTimeOf(identity.pid) === identity.startTime
}
