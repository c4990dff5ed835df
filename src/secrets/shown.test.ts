import { describe, expect, test } from 'vitest'
import type { ReleaseRecord } from '../model/release.ts'
import { credentialsIn, MASK, maskConnectionString, maskCredentials } from './credentials.ts'
import { shownRelease, shownVariable } from './shown.ts'

describe('a variable', () => {
  test.each([
    ['LOG_LEVEL', 'info'],
    ['LOG_LEVEL', 'chatty'],
    ['NODE_ENV', 'production'],
    ['FEATURE_CHECKOUT', 'true'],
    ['WORKERS', '4'],
    ['PASSWORD_MIN_LENGTH', '12'],
    ['TOKEN_TTL', '3600'],
    ['AUTH_MODE', 'oidc'],
    ['KEEP_ALIVE_TIMEOUT', '90s'],
    ['CACHE', '64MB'],
    ['TZ', 'Europe/Berlin'],
    ['AWS_REGION', 'eu-central-1'],
    ['API', 'https://api.shop.example/v1/orders'],
    ['CACHE_HOST', 'cache.internal:6379'],
    ['UPLOADS', '/var/lib/uploads'],
    ['EMPTY', ''],
  ])('%s=%s is shown', (name, value) => expect(shownVariable(name, value)).toBe(value))

  test.each([
    ['API_KEY', 'hunter2'],
    ['dbPassword', 'swordfish'],
    ['ADMIN_PASSWORD', '12345678'],
    ['DB_PW', 'swordfish'],
    ['GREETING', 'swordfish'],
    ['SOMETHING', 'correct horse battery staple'],
    ['LOG_LEVEL', 'ghp_0123456789abcdefghijABCDEFGHIJ'],
    ['CARD', '4111111111111111'],
    ['BROKEN', 'https://app:pa/ss@host/x'],
    ['SESSION', 'aGVsbG8gd29ybGQ='],
  ])('%s=%s is not', (name, value) => expect(shownVariable(name, value)).toBe(MASK))

  test.each([
    ['REDIS_URL', 'redis://app:hunter2@cache:6379/0', `redis://app:${MASK}@cache:6379/0`],
    ['REPORTS', 'https://0a1b2c@sentry.example/1', `https://${MASK}@sentry.example/1`],
    ['CHAT', 'https://hooks.chat.example/services/T0/B0/xYz', `https://hooks.chat.example/${MASK}`],
    ['SEARCH', 'https://search.example/?key=hunter2', `https://search.example/${MASK}`],
  ])('%s=%s is shown without what lets one in', (name, value, seen) => expect(shownVariable(name, value)).toBe(seen))
})

test.each([
  ['postgres://app:hunter2@db.example/shop', `postgres://app:${MASK}@db.example/shop`],
  ['postgres://app:hun/te@r2@db.example/shop', `postgres://app:${MASK}@db.example/shop`],
  ['postgres://app:h?u#nter2@db:5432/shop', `postgres://app:${MASK}@db:5432/shop`],
  ['postgres://app@db/shop?sslmode=require', 'postgres://app@db/shop?sslmode=require'],
  ['postgres://db/shop?user=app&password=hunter2', `postgres://db/shop?user=app&password=${MASK}`],
  ['app:hunter2@db/shop', MASK],
])('of the connection string %s nobody sees the password', (url, seen) => {
  expect(maskConnectionString(url)).toBe(seen)
})

test.each([
  [
    'A=1 API_TOKEN=hunter2 node x.js --max-old-space-size=100',
    `A=1 API_TOKEN=${MASK} node x.js --max-old-space-size=100`,
  ],
  ['curl -H "Authorization: Bearer hunter2"', `curl -H "Authorization: Bearer ${MASK}"`],
  ['tool --api-key hunter2 --verbose', `tool --api-key ${MASK} --verbose`],
  ['tool --token $TOKEN --password="a b"', `tool --token $TOKEN --password=${MASK}`],
  ['psql postgres://a:b3@c/d', `psql postgres://a:${MASK}@c/d`],
  ['0a1b2c3d4e5f60718293a4b5c6d7e8f901234567', '0a1b2c3d4e5f60718293a4b5c6d7e8f901234567'],
])('of the text %s only credentials go', (text, seen) => expect(maskCredentials(text)).toBe(seen))

test('what logs must not show of variables is what looks like a credential, never a setting', () => {
  const found = credentialsIn({
    API_KEY: 'hunter2',
    REDIS_URL: 'redis://app:p%40ss@cache/0',
    JDBC: 'jdbc:postgresql://db/shop?user=app&password=s3cret',
    LOG_LEVEL: 'info',
    AUTH_ENABLED: 'true',
    TOKEN_TTL: '3600',
    GREETING: 'swordfish',
  })
  expect(found).toEqual(['hunter2', 'p%40ss', 'p@ss', 's3cret'])
})

test('a release is shown with the names of its variables, and keeps what names it', () => {
  const record = {
    artifact: '0a1b2c3d4e5f60718293a4b5c6d7e8f901234567',
    services: [{ name: 'web', start: 'TOKEN=hunter2 node x.js', env: { API_KEY: 'hunter2', LOG_LEVEL: 'info' } }],
    database: { engine: 'postgres', url: 'postgres://app:hunter2@db/shop', release: 'PGPASSWORD=hunter2 migrate' },
  } as unknown as ReleaseRecord
  const seen = shownRelease(record)
  expect(JSON.stringify(seen)).not.toContain('hunter2')
  expect(seen.artifact).toBe(record.artifact)
  expect(seen.services[0]?.env).toEqual({ API_KEY: MASK, LOG_LEVEL: 'info' })
  expect(seen.database?.url).toBe(`postgres://app:${MASK}@db/shop`)
})
