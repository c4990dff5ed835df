import { readdirSync, readFileSync } from 'node:fs'
import { identityOf, isAlive, type ProcessIdentity } from '../../../support/process-identity.ts'

/** Every process of a run inherits this variable: it names the run's folder and so tells it from a reused pid. */
export const RUN_MARKER = 'SLUICE_RUN'

/**
 * Live processes of a run: its group, and those that left the group but still carry the mark.
 * `leader` is the shim, which may be dead already. Without /proc only the group is known, as its leader.
 */
export function processesOf(run: string, leader: ProcessIdentity | null): readonly number[] {
  if (process.platform !== 'linux') return leader !== null && isGroupAlive(leader.pid) ? [leader.pid] : []
  const groupIsOurs = leader !== null && isAlive(leader)
  const found = liveProcesses().filter(
    ({ pid, group }) => (groupIsOurs && group === leader.pid) || carriesMark(pid, run),
  )
  // A program that rewrites its environment loses the mark, but not its group.
  const groups = new Set(found.map(({ group }) => group))
  const group = leader !== null && groups.has(leader.pid) ? leader.pid : null
  const rest = group === null ? [] : liveProcesses().filter((each) => each.group === group)
  return [...new Set([...found, ...rest].map(({ pid }) => pid))]
}

/** The whole group at once where it is known to be ours, and each process outside of it. */
export function signalRun(run: string, leader: ProcessIdentity | null, signal: NodeJS.Signals): readonly number[] {
  const pids = processesOf(run, leader)
  if (leader !== null && pids.some((pid) => pid === leader.pid || groupOf(pid) === leader.pid)) {
    send(-leader.pid, signal)
  }
  for (const pid of pids) {
    if (leader === null || (pid !== leader.pid && groupOf(pid) !== leader.pid)) send(pid, signal)
  }
  return pids
}

/** Everything that belongs to the same run as this process; null where the process table cannot be read. */
export function relativesOf(pid: number): readonly number[] | null {
  if (process.platform !== 'linux') return null
  const group = groupOf(pid)
  const run = markOf(pid)
  return liveProcesses()
    .filter((each) => each.group === group || (run !== null && carriesMark(each.pid, run)))
    .map((each) => each.pid)
}

/** The process with this pid, if it is marked as part of the run. */
export function identityByMarker(pid: number, run: string): ProcessIdentity | null {
  const identity = identityOf(pid)
  if (identity === null) return null
  return process.platform !== 'linux' || carriesMark(pid, run) ? identity : null
}

function carriesMark(pid: number, run: string): boolean {
  return markOf(pid) === run
}

function markOf(pid: number): string | null {
  try {
    const environment = `\0${readFileSync(`/proc/${pid}/environ`, 'utf8')}`
    const from = environment.indexOf(`\0${RUN_MARKER}=`)
    if (from < 0) return null
    const start = from + RUN_MARKER.length + 2
    return environment.slice(start, environment.indexOf('\0', start))
  } catch {
    return null
  }
}

function liveProcesses(): readonly { pid: number; group: number }[] {
  return readdirSync('/proc').flatMap((name) => {
    const pid = Number(name)
    const group = Number.isInteger(pid) ? groupOf(pid) : null
    return group === null ? [] : [{ pid, group }]
  })
}

function groupOf(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const [state, , group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return state === 'Z' || state === 'X' ? null : Number(group)
  } catch {
    return null
  }
}

function isGroupAlive(leader: number): boolean {
  try {
    process.kill(-leader, 0)
    return true
  } catch {
    return false
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // gone meanwhile
  }
}
