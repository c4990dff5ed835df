import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, readdir, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { removeFolder } from '../src/support/remove-folder.ts'

const program = resolve(import.meta.dirname, '../bench/demo/main.ts')

/** Processes that were started below a folder, as far as their command lines say. */
async function processesBelow(folder: string): Promise<readonly string[]> {
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name))
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')))
  return lines.map((line) => line.replaceAll('\0', ' ')).filter((line) => line.includes(folder))
}

// Processes are seen by /proc.
test.skipIf(process.platform !== 'linux').each([
  ['twice to the program', true],
  ['to the whole terminal', false],
])('Ctrl-C (%s) during the demonstration stops everything that it had started', async (_how, isTwice) => {
  // Its home is made below the folder for temporary files: a short one, because sockets lie in it.
  const folder = await mkdtemp(join(tmpdir(), 'sd-'))
  await chmod(folder, 0o711) // PostgreSQL's user enters it
  const child = spawn(process.execPath, [program], {
    env: { ...process.env, TMPDIR: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  const exited = once(child, 'close')
  let stdout = ''
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  let told = ''
  child.stderr.on('data', (chunk: Buffer) => (told += chunk.toString()))
  const deadline = Date.now() + 180_000
  const isUp = async () => (await processesBelow(folder)).some((line) => line.includes('postgres'))
  while (!(await isUp()) && Date.now() < deadline && child.exitCode === null) await sleep(50)
  if (isTwice) {
    child.kill('SIGINT')
    await sleep(300)
    child.kill('SIGINT')
  } else process.kill(-(child.pid ?? 0), 'SIGINT')
  await exited
  expect(child.exitCode).toBe(130)
  expect(stdout).toMatch(/everything is stopped/)
  expect(told).not.toMatch(/^\s+at /m)
  expect(await processesBelow(folder)).toEqual([])
  expect((await readdir(folder)).filter((name) => name.startsWith('sluice-'))).toEqual([])
  await removeFolder(folder)
})
