import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { SluiceError } from '../model/error.ts'
import { identityOf, isAlive, type ProcessIdentity } from '../support/process-identity.ts'

/** One control plane per home. Throws `CONTROL_PLANE_RUNNING`; a lock whose owner is dead is taken over. */
export async function lockHome(controlDirectory: string): Promise<{ release(): Promise<void> }> {
  await mkdir(controlDirectory, { recursive: true, mode: 0o700 })
  const file = join(controlDirectory, 'lock')
  const mine = `${file}.${process.pid}`
  const identity = identityOf(process.pid)
  if (identity === null) throw new SluiceError('UNEXPECTED', 'the control plane cannot see its own process')
  await writeFile(mine, JSON.stringify(identity), { mode: 0o600 })
  try {
    await link(mine, file)
    await rm(mine)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    const owner = await readOwner(file)
    if (owner !== null && isAlive(owner)) {
      await rm(mine)
      throw alreadyRunning(owner)
    }
    // Two may take a dead lock over at the same moment: the last rename wins, and the other one sees it.
    await rename(mine, file)
    await sleep(50)
    const winner = await readOwner(file)
    if (winner?.pid !== identity.pid) throw alreadyRunning(winner)
  }
  return { release: () => rm(file, { force: true }) }
}

async function readOwner(file: string): Promise<ProcessIdentity | null> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as ProcessIdentity
  } catch {
    return null
  }
}

function alreadyRunning(owner: ProcessIdentity | null): SluiceError {
  return new SluiceError(
    'CONTROL_PLANE_RUNNING',
    `a control plane runs on this home already (pid ${owner?.pid ?? '?'})`,
    {
      hint: 'use it, or stop it with `sluice down`; another home is chosen with --home',
    },
  )
}
