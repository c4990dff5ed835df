import { join } from 'node:path'
import { satisfies, valid, validRange } from 'semver'
import { SluiceError } from '../model/error.ts'
import { run } from '../support/run.ts'
import { readPackageJson } from './package-json.ts'

/** Version of the `node` in a folder that the configuration names. Throws `BUILD_FAILED`. */
export async function nodeVersionIn(folder: string, signal: AbortSignal): Promise<string> {
  const node = join(folder, 'node')
  try {
    const { stdout } = await run([node, '--version'], { timeoutMs: 10_000, signal, env: {} })
    if (valid(stdout.trim()) !== null) return stdout.trim()
  } catch (cause) {
    if (signal.aborted) throw cause
  }
  throw new SluiceError('BUILD_FAILED', `build.node names ${folder}, but there is no node that runs`, {
    hint: 'name the folder that holds the program node, or leave build.node out to use the one of sluice',
  })
}

/** What to tell when the project asks for another Node; null when it is content. */
export async function engineWarning(folder: string, nodeVersion: string): Promise<string | null> {
  const wanted = (await readPackageJson(folder))?.engines?.node
  if (wanted === undefined || validRange(wanted) === null) return null
  if (satisfies(nodeVersion, wanted, { includePrerelease: true })) return null
  return `package.json asks for Node ${wanted}, the build uses ${nodeVersion}; set build.node to a folder with another one`
}
