import { access, constants } from 'node:fs/promises'
import { join } from 'node:path'
import { type ControlRecord, livingControlPlane } from '../control/start.ts'
import type { Home } from '../support/home.ts'

/** The control plane of this home. Throws when the home may not be read: that must not look like one where nothing runs. */
export async function livingHere(home: Home): Promise<ControlRecord | null> {
  const living = await livingControlPlane(home)
  if (living !== null) return living
  await access(join(home.control, 'control.json'), constants.R_OK).catch(({ code, path }: NodeJS.ErrnoException) => {
    if (code === 'EACCES' || code === 'EPERM') throw Object.assign(new Error(`${code}: ${path}`), { code, path })
  })
  return null
}
