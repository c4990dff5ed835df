import { existsSync } from 'node:fs'
import { mkdir, symlink } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { makeBuildFolder } from '../build/build-folder.ts'
import { gitOutput } from '../build/git.ts'
import { exportTree } from '../build/source-export.ts'
import type { GitCall } from './revision.ts'

/**
 * Runs `work` in a copy of the project folder as the commit holds it, with the packages that are installed beside the
 * real one; the copy is removed afterwards. The whole repository is there: a configuration may share files with others.
 */
export async function inCommit<Value>(
  commit: string,
  { builds, ...call }: GitCall & { readonly builds: string },
  work: (projectDir: string) => Promise<Value>,
): Promise<Value> {
  const prefix = await gitOutput(['rev-parse', '--show-prefix'], call, `${call.cwd} is not in a git repository`)
  const folder = await makeBuildFolder(builds)
  try {
    // Large files are no configuration: nobody waits for them.
    const env = { ...call.env, GIT_LFS_SKIP_SMUDGE: '1' }
    const options = { projectDir: call.cwd, env, signal: call.signal ?? new AbortController().signal }
    await exportTree({ tree: `${commit}^{tree}`, env }, folder.source, folder.scratch, { ...options, isPartial: true })
    const projectDir = join(folder.source, prefix)
    await mkdir(projectDir, { recursive: true })
    await linkPackages(call.cwd, projectDir, dirname(folder.source))
    return await work(projectDir)
  } finally {
    await folder.remove()
  }
}

/** Every `node_modules` that the real folder finds in itself or above it, at the same place of the copy. */
async function linkPackages(from: string, to: string, root: string): Promise<void> {
  for (let [real, copy] = [from, to]; ; [real, copy] = [dirname(real), dirname(copy)]) {
    const packages = join(real, 'node_modules')
    const isInside = !relative(root, copy).startsWith('..')
    if (existsSync(packages) && isInside && !existsSync(join(copy, 'node_modules'))) {
      await symlink(packages, join(copy, 'node_modules'))
    }
    if (copy === root || dirname(real) === real) return
  }
}
