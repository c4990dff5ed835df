import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '../../support/run.ts'

/** A self-signed certificate for a host, made by the openssl of the machine. */
export async function makeCertificate(directory: string, host: string, name = host) {
  const certFile = join(directory, `${name}.crt`)
  const keyFile = join(directory, `${name}.key`)
  const subject = ['-subj', `/CN=${host}`, '-addext', `subjectAltName=DNS:${host}`]
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const { code, stderr } = await run(
    ['openssl', 'req', '-x509', ...key, '-days', '2', ...subject, '-keyout', keyFile, '-out', certFile],
    { timeoutMs: 20_000, env: process.env },
  )
  if (code !== 0) throw new Error(`openssl failed: ${stderr}`)
  return { host, certFile, keyFile }
}

/** Puts other content in a file's place at once. */
export async function replaceFile(file: string, content: Buffer | string): Promise<void> {
  await writeFile(`${file}.new`, content)
  await rename(`${file}.new`, file)
}
