import { SluiceError } from '../model/error.ts'

/** Where the control plane keeps its tables. */
export type DatabaseChoice = { readonly kind: 'embedded' } | { readonly kind: 'url'; readonly url: string }

/**
 * `DATABASE_URL` when it is whole, our own PostgreSQL when nothing is set. Anything in between is
 * `DATABASE_URL_INVALID`: a silent fallback would put the state of an installation where nobody looks for it.
 */
export function resolveDatabaseUrl(env: Readonly<Record<string, string | undefined>>): DatabaseChoice {
  const url = env.DATABASE_URL
  if (url === undefined) {
    const half = ['PGHOST', 'PGHOSTADDR', 'PGSERVICE', 'PGDATABASE'].filter((name) => env[name] !== undefined)
    if (half.length === 0) return { kind: 'embedded' }
    throw invalid(`${half.join(' and ')} ${half.length === 1 ? 'is' : 'are'} set, but DATABASE_URL is not`)
  }
  assertWholeUrl(url)
  return { kind: 'url', url }
}

/** How a person who reads an error calls the URL, and what he does about it. */
export interface UrlNaming {
  readonly name: string
  readonly hint: string
}

const ofControlPlane: UrlNaming = {
  name: 'DATABASE_URL',
  hint: 'set DATABASE_URL=postgres://user:password@host:5432/database, or unset it and every PG* variable to use the PostgreSQL that comes with sluice',
}

/** Throws `DATABASE_URL_INVALID` unless host and database are named. The URL itself is never printed: it holds a password. */
export function assertWholeUrl(url: string, naming: UrlNaming = ofControlPlane): void {
  const fault = faultOf(url)
  if (fault !== null) throw invalid(`${naming.name} ${fault}`, naming)
}

function faultOf(url: string): string | null {
  if (url.trim() === '') return 'is empty'
  if (!URL.canParse(url)) return 'is not a URL'
  const { protocol, hostname, pathname, searchParams } = new URL(url)
  if (protocol !== 'postgres:' && protocol !== 'postgresql:') return 'does not begin with postgres://'
  if (hostname === '' && !searchParams.get('host')) return 'names no host'
  if (pathname.length <= 1) return 'names no database'
  return null
}

function invalid(what: string, { hint }: UrlNaming = ofControlPlane): SluiceError {
  return new SluiceError('DATABASE_URL_INVALID', what, { hint })
}
