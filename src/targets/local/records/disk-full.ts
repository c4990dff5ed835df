import { SluiceError } from '../../../model/error.ts'

/** Null: the error has another cause. */
export function diskFull(error: unknown): SluiceError | null {
  const code = (error as NodeJS.ErrnoException).code
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return null
  return new SluiceError('DISK_FULL', 'the disk is full: instances and their records need some space', {
    cause: error,
    hint: 'free some space under SLUICE_HOME and deploy again',
  })
}
