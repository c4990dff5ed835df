import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { makeCertificate, replaceFile } from '../edge/testing/certificate.ts'
import { silentLog } from '../support/log.ts'
import { watchCertificate } from './certificate.ts'

const LOOK_MS = 10

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'sluice-certificate-'))
  onTestFinished(() => rm(made, { recursive: true, force: true }))
  return made
}

test('a certificate is read again when it changes, and a broken one is not taken', async () => {
  const directory = await folder()
  const files = await makeCertificate(directory, 'deploy.example')
  const other = await makeCertificate(directory, 'other.example')
  const warned: string[] = []
  const log = { ...silentLog, warn: (text: string) => void warned.push(text) }
  const watched = await watchCertificate(files, log, LOOK_MS)
  onTestFinished(() => watched.stop())
  expect([watched.isNamed('deploy.example'), watched.isNamed('other.example')]).toEqual([true, false])
  const seen: string[] = []
  watched.onChange(({ cert }) => void seen.push(cert))

  await replaceFile(files.certFile, 'half of it')
  await expect.poll(() => warned.length, { timeout: 20_000 }).toBeGreaterThan(0)
  expect(watched.isNamed('deploy.example')).toBe(true)

  await replaceFile(files.keyFile, await readFile(other.keyFile))
  await replaceFile(files.certFile, await readFile(other.certFile))
  await expect.poll(() => watched.isNamed('other.example'), { timeout: 20_000 }).toBe(true)
  expect(seen.at(-1)).toBe(await readFile(other.certFile, 'utf8'))
})

test('a pair that does not belong together, or is not there, is refused at the start', async () => {
  const directory = await folder()
  const { certFile } = await makeCertificate(directory, 'a.example')
  const { keyFile } = await makeCertificate(directory, 'b.example')
  await expect(watchCertificate({ certFile, keyFile }, silentLog)).rejects.toMatchObject({
    code: 'CERTIFICATE_INVALID',
    message: expect.stringContaining('is not the key of'),
  })
  await writeFile(join(directory, 'no'), 'no')
  for (const file of ['no', 'gone']) {
    const files = { certFile, keyFile: join(directory, file) }
    await expect(watchCertificate(files, silentLog)).rejects.toMatchObject({ code: 'CERTIFICATE_INVALID' })
  }
})
