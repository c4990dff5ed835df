import { access, constants, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { getuid } from 'node:process'
import type { Context } from '../command.ts'
import type { Check } from './check.ts'
import { nearestExisting } from './nearest-existing.ts'

export async function homeFolder({ home }: Context): Promise<Check> {
  const folder = await nearestExisting(home.root)
  try {
    await access(folder, constants.W_OK | constants.X_OK)
    return { name: 'home', state: 'ok', detail: `${home.root} can be written` }
  } catch {
    return {
      name: 'home',
      state: 'fail',
      detail: `${folder} cannot be written`,
      cure: 'choose another with --home or SLUICE_HOME',
    }
  }
}

/** Whoever reads the token commands the deployments; whoever reads the key reads the secrets. */
export async function privacy({ home }: Context, uid = getuid?.() ?? null): Promise<Check> {
  const owner = await stat(home.root).catch(() => null)
  if (owner === null) return { name: 'privacy', state: 'ok', detail: 'nothing is there yet' }
  for (const folder of [home.root, home.control, home.secrets]) {
    const found = await stat(folder).catch(() => null)
    if (uid === null || uid === 0 || found === null || found.uid === uid) continue
    return {
      name: 'privacy',
      state: 'fail',
      detail: `${folder} belongs to another user (uid ${found.uid})`,
      cure: 'choose another with --home or SLUICE_HOME, or run as that user',
    }
  }
  const open: string[] = []
  for (const file of [join(home.control, 'token'), join(home.secrets, 'key')]) {
    const found = await stat(file).catch(() => null)
    if (found !== null && (found.mode & 0o077) !== 0) open.push(file)
  }
  return open.length === 0
    ? { name: 'privacy', state: 'ok', detail: 'token and key are readable by their owner alone' }
    : {
        name: 'privacy',
        state: 'fail',
        detail: `others may read ${open.join(' and ')}`,
        cure: `chmod 600 ${open.join(' ')}`,
      }
}
