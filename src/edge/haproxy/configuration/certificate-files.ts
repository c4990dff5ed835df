import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { createSecureContext } from 'node:tls'
import { SluiceError } from '../../../model/error.ts'
import { writeFileAtomic } from '../../../support/atomic-file.ts'
import type { RouteTable } from '../../edge.ts'

export interface PortCertificates {
  readonly port: number
  /** Name of the list file; it follows from the content, so changed certificates change the configuration. */
  readonly name: string
  readonly list: string
  readonly files: ReadonlyMap<string, string>
}

export interface CertificateSources {
  /** Where the last good copy of each pair is kept. */
  readonly folder: string
  /** Tables in force: a pair of theirs that has gone bad on disk is served as it last was, and stops no other table. */
  readonly inForce: Iterable<RouteTable>
  readonly log: (text: string) => void
}

/** Certificates of each https port, read and proved. Throws `CERTIFICATE_INVALID` for a pair that was never good. */
export async function readCertificates(
  tables: Iterable<RouteTable>,
  { folder, inForce, log }: CertificateSources,
): Promise<PortCertificates[]> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const known = new Set([...inForce].flatMap((table) => table.certificates.map(goodCopyOf)))
  const ports = new Map<number, { readonly lines: string[]; readonly files: Map<string, string> }>()
  for (const { listeners, certificates } of tables) {
    if (listeners.https === null) continue
    const port = ports.get(listeners.https) ?? { lines: [], files: new Map<string, string>() }
    ports.set(listeners.https, port)
    for (const certificate of certificates) {
      const { host, certFile, keyFile } = certificate
      const copy = join(folder, goodCopyOf(certificate))
      let pem: string
      try {
        pem = await readPem(certFile, keyFile)
        if ((await readFile(copy, 'utf8').catch(() => null)) !== pem) await writeFileAtomic(copy, pem, { mode: 0o600 })
      } catch (error) {
        const kept = known.has(goodCopyOf(certificate)) ? await readFile(copy, 'utf8').catch(() => null) : null
        if (kept === null) throw error
        log(`${String(error)}; served as it was before`)
        pem = kept
      }
      const name = `${sha256(pem)}.pem`
      port.files.set(name, pem)
      port.lines.push(`certificates/${name} ${host}`)
    }
  }
  return [...ports].map(([port, { lines, files }]) => {
    const list = `${lines.join('\n')}\n`
    return { port, name: `${port}-${sha256(list)}`, list, files }
  })
}

/** Fingerprint of the files as they lie there, cheap enough to look every few seconds. */
export async function certificateStamp(tables: Iterable<RouteTable>): Promise<string> {
  const stamps: string[] = []
  for (const { certificates } of tables) {
    for (const { certFile, keyFile } of certificates) {
      for (const file of [certFile, keyFile]) {
        const stats = await stat(file).catch(() => null)
        stamps.push(`${file} ${stats?.mtimeMs} ${stats?.size} ${stats?.ino}`)
      }
    }
  }
  return stamps.join('\n')
}

export async function writeCertificates(folder: string, ports: readonly PortCertificates[]): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const known = new Set(await readdir(folder))
  for (const { name, list, files } of ports) {
    for (const [file, pem] of [...files, [`${name}.list`, list] as const]) {
      if (!known.has(file)) await writeFileAtomic(join(folder, file), pem, { mode: 0o600 })
    }
  }
}

function goodCopyOf({ certFile, keyFile }: RouteTable['certificates'][number]): string {
  return `${sha256(`${certFile}\n${keyFile}`)}.good.pem`
}

/** Removes what no listener uses any more: private keys do not pile up. */
export async function pruneCertificates(
  folder: string,
  ports: readonly PortCertificates[],
  tables: Iterable<RouteTable>,
): Promise<void> {
  const copies = [...tables].flatMap((table) => table.certificates.map(goodCopyOf))
  const used = new Set([...copies, ...ports.flatMap(({ name, files }) => [`${name}.list`, ...files.keys()])])
  for (const file of await readdir(folder)) if (!used.has(file)) await rm(join(folder, file), { force: true })
}

async function readPem(certFile: string, keyFile: string): Promise<string> {
  try {
    const [cert, key] = await Promise.all([readFile(certFile, 'utf8'), readFile(keyFile, 'utf8')])
    createSecureContext({ cert, key })
    return `${cert.trimEnd()}\n${key.trimEnd()}\n`
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new SluiceError('CERTIFICATE_INVALID', `the certificate ${certFile} cannot be used: ${why}`, {
      hint: `check that ${certFile} and ${keyFile} are readable, in PEM and belong together`,
      cause,
    })
  }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 24)
}
