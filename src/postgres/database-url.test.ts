import { describe, expect, it } from 'vitest'
import { resolveDatabaseUrl } from './database-url.ts'

describe('resolveDatabaseUrl', () => {
  it('chooses our own PostgreSQL when nothing is set', () => {
    expect(resolveDatabaseUrl({ PGUSER: 'me', HOME: '/home/me' })).toEqual({ kind: 'embedded' })
  })

  it('takes a whole URL as it is', () => {
    for (const url of ['postgres://u:p@db:5432/app', 'postgresql://db/app', 'postgres:///app?host=/run/postgresql'])
      expect(resolveDatabaseUrl({ DATABASE_URL: url })).toEqual({ kind: 'url', url })
  })

  it.each([
    ['an empty one', { DATABASE_URL: '' }],
    ['blanks', { DATABASE_URL: '  ' }],
    ['something else', { DATABASE_URL: 'localhost' }],
    ['another scheme', { DATABASE_URL: 'mysql://db/app' }],
    ['no host', { DATABASE_URL: 'postgres:///app' }],
    ['no database', { DATABASE_URL: 'postgres://u:secret@db:5432/' }],
    ['only PGHOST', { PGHOST: 'db' }],
    ['only PGDATABASE', { PGDATABASE: 'app' }],
  ])('refuses %s and never falls back', (_, env) => {
    expect(() => resolveDatabaseUrl(env)).toThrow(expect.objectContaining({ code: 'DATABASE_URL_INVALID' }))
  })

  it('does not print the password', () => {
    expect(() => resolveDatabaseUrl({ DATABASE_URL: 'postgres://u:secret@db/' })).toThrow(/^((?!secret).)*$/)
  })
})
