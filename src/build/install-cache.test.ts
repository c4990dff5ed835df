import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { InstallCache } from './install-cache.ts'

it('gives back no packages that a build wrote into, however soon after they were installed', async () => {
  const root = await mkdtemp(join(tmpdir(), 'sluice-packages-'))
  onTestFinished(() => rm(root, { recursive: true, force: true }))
  const cache = new InstallCache(join(root, 'cache'))
  for (let round = 0; round < 20; round++) {
    const packages = join(root, `build-${round}`, 'node_modules')
    const file = join(packages, 'pkg', 'index.js')
    await mkdir(join(packages, 'pkg'), { recursive: true })
    await writeFile(file, 'good')
    await cache.save(`key-${round}`, packages)
    if (round % 2 === 1) await writeFile(file, 'evil')
    const to = join(root, `later-${round}`)
    const isBack = await cache.restore(`key-${round}`, to)
    expect(isBack).toBe(round % 2 === 0)
    if (isBack) expect(await readFile(join(to, 'pkg', 'index.js'), 'utf8')).toBe('good')
  }
})
