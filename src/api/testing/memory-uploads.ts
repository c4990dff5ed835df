import { SluiceError } from '../../model/error.ts'
import type { Uploads } from '../../sources/uploads.ts'

/** None is ever there. */
export function memoryUploads(): Uploads {
  const unknown = async (id: string) => {
    throw new SluiceError('UPLOAD_UNKNOWN', `there is no upload ${id}`)
  }
  return {
    begin: async ({ bytes }) => ({ id: 'u1', bytes, offset: 0, isComplete: false }),
    get: unknown,
    append: unknown,
    folder: unknown,
    prune: async () => {},
  }
}
