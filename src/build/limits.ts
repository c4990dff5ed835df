import { SluiceError } from '../model/error.ts'
import { diskFull, freeBytes } from './disk-space.ts'

/**
 * A signal that ends a build: the caller's, `BUILD_TIMEOUT` after `timeoutMs`, `DISK_FULL` when less than
 * `minimumFreeBytes` are free below `folder`: a build that fills the disk would take the running releases with it.
 */
export function buildLimits(options: {
  readonly signal: AbortSignal
  readonly timeoutMs: number
  readonly folder: string
  readonly minimumFreeBytes: number
}): { readonly signal: AbortSignal; readonly done: () => void } {
  const { signal, timeoutMs, folder, minimumFreeBytes } = options
  const limit = new AbortController()
  const late = new SluiceError('BUILD_TIMEOUT', `the build did not end within ${Math.round(timeoutMs / 1000)} s`, {
    hint: 'raise build.timeout, or see in the log which step takes so long',
    details: { timeoutMs },
  })
  const timer = setTimeout(() => limit.abort(late), Math.min(timeoutMs, 2 ** 31 - 1))
  const look = async () => {
    const free = await freeBytes(folder).catch(() => Infinity)
    if (free < minimumFreeBytes) limit.abort(diskFull(folder, free, minimumFreeBytes))
  }
  const looking = setInterval(() => void look(), 500)
  return {
    signal: AbortSignal.any([signal, limit.signal]),
    done: () => {
      clearTimeout(timer)
      clearInterval(looking)
    },
  }
}
