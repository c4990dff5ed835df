import { readFile, stat } from 'node:fs/promises'
import { createSecureContext, type SecureContext } from 'node:tls'
import { SluiceError } from '../../../model/error.ts'
import type { RouteTable } from '../../edge.ts'
import { normalHost } from '../../route-index.ts'

type CertificateFiles = RouteTable['certificates'][number]

export interface Pem {
  readonly cert: Buffer
  readonly key: Buffer
}

interface Loaded extends Pem {
  readonly files: CertificateFiles
  /** Of both files, to see a change. */
  readonly stamp: string
  readonly context: SecureContext
}

/** Certificates of all environments by host, read from files and read again when these change. */
export class Certificates {
  readonly #listeners: ((first: Pem) => void)[] = []
  #loaded: ReadonlyMap<string, Loaded> = new Map()

  /** Reads what is new; throws `CERTIFICATE_INVALID` without changing anything. The result takes effect by `use`. */
  async load(certificates: readonly CertificateFiles[]): Promise<ReadonlyMap<string, Loaded>> {
    const loaded = new Map<string, Loaded>()
    for (const files of certificates) {
      const known = this.#loaded.get(files.host)
      const stamp = await stampOf(files)
      const isSame = known !== undefined && known.stamp === stamp && known.files.certFile === files.certFile
      loaded.set(files.host, isSame ? known : { files, stamp, ...(await contextOf(files)) })
    }
    return loaded
  }

  use(loaded: ReadonlyMap<string, Loaded>): void {
    this.#loaded = loaded
    const [first] = loaded.values()
    if (first !== undefined) for (const listener of this.#listeners) listener(first)
  }

  /** Told now and whenever it changes which certificate clients get that name no host. */
  onFirst(listener: (first: Pem) => void): void {
    this.#listeners.push(listener)
    const [first] = this.#loaded.values()
    if (first !== undefined) listener(first)
  }

  /** Reads changed files again; what cannot be read leaves the certificate in force as it is. */
  async reload(onProblem: (error: unknown) => void): Promise<void> {
    for (const [host, { files, stamp }] of this.#loaded) {
      try {
        const now = await stampOf(files)
        if (now === stamp) continue
        const fresh = { files, stamp: now, ...(await contextOf(files)) }
        this.use(new Map(this.#loaded).set(host, fresh))
      } catch (error) {
        onProblem(error)
      }
    }
  }

  /** The host's own certificate, that of its wildcard, else the first. */
  contextFor(serverName: string): SecureContext | undefined {
    const host = normalHost(serverName)
    const wildcard = `*${host.slice(Math.max(0, host.indexOf('.')))}`
    const found = this.#loaded.get(host) ?? this.#loaded.get(wildcard) ?? this.#loaded.values().next().value
    return found?.context
  }
}

async function stampOf(files: CertificateFiles): Promise<string> {
  const stats = await Promise.all([files.certFile, files.keyFile].map((file) => stat(file).catch(() => null)))
  return stats.map((each) => (each === null ? 'absent' : `${each.mtimeMs} ${each.size} ${each.ino}`)).join(' ')
}

async function contextOf({
  host,
  certFile,
  keyFile,
}: CertificateFiles): Promise<Pem & { readonly context: SecureContext }> {
  try {
    const [cert, key] = await Promise.all([readFile(certFile), readFile(keyFile)])
    return { cert, key, context: createSecureContext({ cert, key, minVersion: 'TLSv1.2' }) }
  } catch (cause) {
    throw new SluiceError('CERTIFICATE_INVALID', `the certificate of ${host} cannot be used: ${String(cause)}`, {
      hint: `check ${certFile} and ${keyFile}`,
      cause,
    })
  }
}
