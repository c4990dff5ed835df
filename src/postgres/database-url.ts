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

/** Throws `DATABASE_URL_INVALID` unless host and database are named. The URL itself is never printed: it holds a password. */
export function assertWholeUrl(url: string): void {
  if (url.trim() === '') throw invalid('DATABASE_URL is empty')
  if (!URL.canParse(url)) throw invalid('DATABASE_URL is not a URL')
  const { protocol, hostname, pathname, searchParams } = new URL(url)
  if (protocol !== 'postgres:' && protocol !== 'postgresql:') throw invalid(`DATABASE_URL begins with ${protocol}//`)
  if (hostname === '' && !searchParams.get('host')) throw invalid('DATABASE_URL names no host')
  if (pathname.length <= 1) throw invalid('DATABASE_URL names no database')
}

function invalid(what: string): SluiceError {
  return new SluiceError('DATABASE_URL_INVALID', what, {
    hint: 'set DATABASE_URL=postgres://user:password@host:5432/database, or unset it and every PG* variable to use the PostgreSQL that comes with sluice',
  })
}
