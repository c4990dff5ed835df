import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'

const isRoot = process.getuid?.() === 0
const NOBODY = 65534

/** Runs as an ordinary user, since nothing is closed to root. */
test('folders that a build closed are removed with the rest, also what an earlier process left', () => {
  const root = mkdtempSync(join(tmpdir(), 'sluice-folder-'))
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  chmodSync(root, 0o755)
  if (isRoot) chownSync(root, NOBODY, NOBODY)
  const module = JSON.stringify(fileURLToPath(new URL('build-folder.ts', import.meta.url)))
  const program = `
    import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
    import { makeBuildFolder, removeLeftOvers } from ${module}
    const close = (folder) => {
      mkdirSync(folder + '/closed/inner', { recursive: true })
      writeFileSync(folder + '/closed/inner/file', '')
      chmodSync(folder + '/closed/inner', 0o500)
      chmodSync(folder + '/closed', 0)
    }
    const folder = await makeBuildFolder('builds')
    close(folder.source)
    await folder.remove()
    close('builds/1-of-a-process-that-is-gone')
    await removeLeftOvers('builds')
  `
  execFileSync(process.execPath, ['--no-warnings', '--input-type=module', '-e', program], {
    cwd: root,
    timeout: 60_000,
    ...(isRoot ? { uid: NOBODY, gid: NOBODY } : {}),
  })
  expect(readdirSync(join(root, 'builds'))).toEqual([])
})
