import { SluiceError } from '../model/error.ts'

/** Says what stands in the way where files of a project, or of what its build made, cannot be read. */
export async function explainingUnreadable<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw explained(error as NodeJS.ErrnoException)
  }
}

const reading = new Set(['open', 'scandir', 'lstat', 'readlink', 'copyfile', 'link'])

function explained(error: NodeJS.ErrnoException): Error {
  const { code, syscall = '', path = '' } = error
  // Such a name comes back from the folder with a replacement character, under which nothing is found.
  if (code === 'ENOENT' && path.includes('\uFFFD'))
    return new SluiceError('ARTIFACT_INVALID', `the name of ${inside(path)} is not valid UTF-8`, {
      hint: 'rename the file, or leave its folder out of build.output',
      cause: error,
    })
  if ((code === 'EACCES' || code === 'EPERM') && reading.has(syscall) && path !== '')
    return new SluiceError('ARTIFACT_INVALID', `${inside(path)} is closed to the user that runs Sluice (${code})`, {
      hint: 'let the build make it readable (chmod), or leave it out of build.output',
      cause: error,
    })
  return error
}

/** Without the build's own folder, which means nothing to people. */
function inside(path: string): string {
  return path.replace(/^.*\/builds\/[^/]+\/(?:source|artifact)\//, '')
}
