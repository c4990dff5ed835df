import { createHash, randomBytes } from 'node:crypto'
import { appendFileSync } from 'node:fs'
import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startTimeOf } from '../support/process-identity.ts'
import { removeFolder } from '../support/remove-folder.ts'
import { killGroup } from '../support/run.ts'

/** A folder for one build; its name says which process works in it. */
export interface BuildFolder {
  readonly mark: string
  readonly source: string
  readonly artifact: string
  /** Indexes, lists and temporary files. */
  readonly scratch: string
  /** Notes a process group, so that it can be ended after a crash of ours. */
  noteProcess(pid: number): void
  /** Ends what still runs of this build and removes the folder. */
  remove(): Promise<void>
}

export async function makeBuildFolder(builds: string): Promise<BuildFolder> {
  const mark = `${ownerMark(process.pid)}-${randomBytes(6).toString('hex')}`
  const folder = join(builds, mark)
  const parts = { source: join(folder, 'source'), artifact: join(folder, 'artifact'), scratch: join(folder, 'scratch') }
  await mkdir(builds, { recursive: true, mode: 0o755 })
  for (const path of [folder, ...Object.values(parts)]) await mkdir(path, { mode: 0o700 })
  return {
    mark,
    ...parts,
    noteProcess: (pid) => appendFileSync(join(folder, 'processes'), `${pid} ${startTimeOf(pid) ?? ''}\n`),
    remove: async () => {
      await endProcessesOf(mark)
      await removeFolder(folder)
    },
  }
}

/** Removes what builds of processes left that do not live any more. */
export async function removeLeftOvers(builds: string): Promise<void> {
  for (const name of await readdir(builds).catch(() => [])) {
    if (name.startsWith(`${ownerMark(Number(name.split('-')[0]))}-`)) continue
    const noted = await readFile(join(builds, name, 'processes'), 'utf8').catch(() => '')
    for (const line of noted.split('\n')) {
      const [group, since] = line.split(' ')
      if (group && since && startTimeOf(Number(group)) === since) killGroup(Number(group))
    }
    await endProcessesOf(name)
    await removeFolder(join(builds, name)).catch(() => {}) // what cannot be removed shall not end every build to come
  }
}

/** A process by pid and start time, in letters that do no harm in a path. */
function ownerMark(pid: number): string {
  return `${pid}-${createHash('sha256')
    .update(startTimeOf(pid) ?? 'gone')
    .digest('hex')
    .slice(0, 12)}`
}

/** Daemons leave their process group, but not their environment. Linux only; elsewhere the group has to do. */
async function endProcessesOf(mark: string): Promise<void> {
  for (const name of await readdir('/proc').catch(() => [])) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue
    const environment = await readFile(`/proc/${name}/environ`, 'latin1').catch(() => '')
    if (!environment.split('\0').includes(`SLUICE_BUILD=${mark}`)) continue
    try {
      process.kill(Number(name), 'SIGKILL')
    } catch {
      // already gone
    }
  }
}
