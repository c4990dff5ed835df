import { readFile, rm } from 'node:fs/promises'
import { isIP } from 'node:net'
import { join, resolve } from 'node:path'
import { SluiceError } from '../model/error.ts'
import { writeFileAtomic } from '../support/atomic-file.ts'
import type { Home } from '../support/home.ts'

/** Where a control plane listens for other machines, and as whom. */
export interface ListenSettings {
  readonly host: string
  readonly port: number
  /** Absolute; null: plain HTTP. */
  readonly certificate: { readonly certFile: string; readonly keyFile: string } | null
  /** Names that it may be called by, besides those of its certificate. */
  readonly names: readonly string[]
}

export interface ListenOptions {
  /** `HOST:PORT`, or `off`. */
  readonly listen?: string
  readonly tlsCert?: string
  readonly tlsKey?: string
  /** By comma. */
  readonly host?: string
  readonly insecureHttp?: boolean
}

/** What was asked for: settings, `off`, or null for nothing. Throws `USAGE`. */
export function parseListen(options: ListenOptions, cwd: string): ListenSettings | 'off' | null {
  const { listen, tlsCert, tlsKey, insecureHttp = false } = options
  const names = (options.host ?? '')
    .split(',')
    .flatMap((name) => (name.trim() === '' ? [] : [name.trim().toLowerCase()]))
  if (listen === undefined) {
    if (tlsCert === undefined && tlsKey === undefined && names.length === 0 && !insecureHttp) return null
    throw new SluiceError('USAGE', '--tls-cert, --tls-key, --host and --insecure-http belong to --listen', {
      hint: 'write --listen HOST:PORT beside them',
    })
  }
  if (listen === 'off') return 'off'
  const [, host = '', port = ''] = /^(\[[\da-f:.]+\]|[^:[\]]+):(\d{1,5})$/i.exec(listen) ?? []
  if (host === '' || Number(port) < 1 || Number(port) > 65_535) {
    throw new SluiceError('USAGE', `--listen ${listen} is no address`, { hint: 'HOST:PORT, such as 0.0.0.0:8443' })
  }
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    throw new SluiceError('USAGE', 'a certificate needs its key, and a key its certificate', {
      hint: 'name both: --tls-cert FILE --tls-key FILE',
    })
  }
  const address = host.replace(/^\[(.*)\]$/, '$1')
  if (tlsCert === undefined && !isLoopback(address) && !insecureHttp) {
    throw new SluiceError('USAGE', `--listen ${listen} would send tokens over the network unencrypted`, {
      hint: 'name a certificate with --tls-cert and --tls-key; behind a proxy that has one, listen on 127.0.0.1; or say --insecure-http',
    })
  }
  const certificate =
    tlsCert === undefined || tlsKey === undefined
      ? null
      : { certFile: resolve(cwd, tlsCert), keyFile: resolve(cwd, tlsKey) }
  const own = isWildcard(address) ? [] : [isIP(address) === 6 ? `[${address}]` : address.toLowerCase()]
  if (certificate === null && own.length === 0 && names.length === 0) {
    throw new SluiceError('USAGE', `nobody knows by which name ${listen} may be called`, {
      hint: 'name it: --host deploy.example.com',
    })
  }
  return { host: address, port: Number(port), certificate, names: [...new Set([...own, ...names])] }
}

/** What was said last; null: it listens for this machine only. */
export async function rememberedListen(home: Home): Promise<ListenSettings | null> {
  const text = await readFile(fileOf(home), 'utf8').catch(() => null)
  return text === null ? null : (JSON.parse(text) as ListenSettings)
}

export async function rememberListen(home: Home, settings: ListenSettings | 'off'): Promise<void> {
  if (settings === 'off') await rm(fileOf(home), { force: true })
  else await writeFileAtomic(fileOf(home), JSON.stringify(settings), { mode: 0o600 })
}

export function listenUrl({ host, port, certificate, names }: ListenSettings): string {
  const shown = names[0] ?? (isIP(host) === 6 ? `[${host}]` : host)
  return `${certificate === null ? 'http' : 'https'}://${shown}:${port}`
}

function fileOf(home: Home): string {
  return join(home.control, 'listen.json')
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host)
}

function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::'
}
