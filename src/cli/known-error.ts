import { join } from 'node:path'
import { isSluiceError, SluiceError } from '../model/error.ts'
import type { Home } from '../support/home.ts'
import { messageOf } from '../support/message-of.ts'
import { interruptedError } from './interruption.ts'

/** What was thrown, in words for the reader: what the system refused within the home and a Ctrl-C are no bugs of ours. */
export function knownError(error: unknown, home: Home | null, interrupted: AbortSignal): SluiceError {
  if (isSluiceError(error)) return error
  if (interrupted.aborted && error instanceof Error && error.name === 'AbortError') {
    return interruptedError()
  }
  return (
    (home === null ? null : refusalIn(home, error)) ??
    new SluiceError('UNEXPECTED', `something that Sluice did not expect happened: ${messageOf(error)}`, {
      hint: 'run it again with -v for the details, and please report it',
    })
  )
}

function refusalIn({ root, control }: Home, error: unknown): SluiceError | null {
  const { code, path } = error as NodeJS.ErrnoException
  if (path === undefined || (path !== root && !path.startsWith(join(root, '/')))) return null
  if (code === 'ENOENT' && path === join(control, 'token')) {
    return new SluiceError('UNAUTHORIZED', `the token of this installation is missing: ${path}`, {
      hint: 'end the control plane that runs on this home and start it again with `sluice up`: it writes a token',
      cause: error,
    })
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return new SluiceError('HOME_FOREIGN', `this user may not use ${path} (${code})`, {
      hint: `run as the user that ${root} belongs to, give it back with chown -R, or choose another with --home or SLUICE_HOME`,
      cause: error,
    })
  }
  return code === 'EROFS'
    ? new SluiceError('HOME_NOT_WRITABLE', `${path} cannot be written (${code})`, {
        hint: 'choose another folder with --home or SLUICE_HOME',
        cause: error,
      })
    : null
}
