import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { isIP } from 'node:net'
import type { CertificatePair } from '../api/index.ts'
import { SluiceError } from '../model/error.ts'
import type { Log } from '../support/log.ts'
import { messageOf } from '../support/message-of.ts'

export interface WatchedCertificate {
  current(): CertificatePair
  /** Called with each pair that replaces the one before. */
  onChange(listener: (pair: CertificatePair) => void): void
  /** True for a host name that the certificate was made for. */
  isNamed(host: string): boolean
  stop(): void
}

const LOOK_MS = 5000

/**
 * A certificate that is read again when its files change: who renews it restarts nothing. A new pair that is broken, or
 * half written, is not taken; the one before stays. Throws `CERTIFICATE_INVALID` for the first.
 */
export async function watchCertificate(
  files: { readonly certFile: string; readonly keyFile: string },
  log: Log,
  lookMs = LOOK_MS,
): Promise<WatchedCertificate> {
  const listeners = new Set<(pair: CertificatePair) => void>()
  let mark = await markOf(files)
  let { pair, x509 } = await readPair(files)
  const look = async () => {
    const now = await markOf(files)
    if (now === mark) return
    mark = now
    const fresh = await readPair(files)
    ;({ pair, x509 } = fresh)
    log.info(`${files.certFile} was renewed`)
    for (const listener of listeners) listener(pair)
  }
  const timer = setInterval(() => {
    look().catch((error: unknown) => log.warn(`${messageOf(error)}; the certificate before stays`))
  }, lookMs)
  timer.unref()
  return {
    current: () => pair,
    onChange: (listener) => void listeners.add(listener),
    isNamed: (host) => {
      const address = host.replace(/^\[(.*)\]$/, '$1')
      return (isIP(address) === 0 ? x509.checkHost(host) : x509.checkIP(address)) !== undefined
    },
    stop: () => clearInterval(timer),
  }
}

async function readPair({ certFile, keyFile }: { readonly certFile: string; readonly keyFile: string }) {
  try {
    const [cert, key] = await Promise.all([readFile(certFile, 'utf8'), readFile(keyFile, 'utf8')])
    const x509 = new X509Certificate(cert)
    if (x509.checkPrivateKey(createPrivateKey(key))) return { pair: { cert, key }, x509 }
  } catch (error) {
    throw new SluiceError('CERTIFICATE_INVALID', `the certificate ${certFile} cannot be used: ${messageOf(error)}`, {
      hint: 'both files are PEM, and this user can read them',
      cause: error,
    })
  }
  throw new SluiceError('CERTIFICATE_INVALID', `${keyFile} is not the key of ${certFile}`, {
    hint: 'name the pair that belongs together',
  })
}

/** Changes with either file; also when a link is turned to another. */
async function markOf(files: { readonly certFile: string; readonly keyFile: string }): Promise<string> {
  const marks = await Promise.all(
    [files.certFile, files.keyFile].map(async (file) => {
      const found = await stat(file).catch(() => null)
      return found === null ? 'gone' : `${found.ino} ${found.size} ${found.mtimeMs}`
    }),
  )
  return marks.join(' ')
}
