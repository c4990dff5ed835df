import { expect, test } from 'vitest'
import { MASK } from '../secrets/credentials.ts'
import { printableConfig } from './print.ts'
import { resolveConfig } from './resolve.ts'

test('variables are shown where they are harmless, other texts without what looks like a credential', () => {
  const env = {
    LOG_LEVEL: 'info',
    STRIPE_SECRET_KEY: 'sk_live_51Habcdef',
    dbPassword: 'hunter2',
    JDBC: 'jdbc:postgresql://db/shop?user=app&password=s3cret&ssl=true',
    SENTRY_DSN: 'https://abc@sentry.example/1',
    REDIS_URL: 'redis://user:pa55@cache:6379/0',
    PUBLIC_URL: 'https://shop.example/path?x=1',
    SOMETHING: 'ghp_0123456789abcdefghijABCDEFGHIJ',
    KEEP_ALIVE_TIMEOUT: '120',
    COMMIT: 'main',
  }
  const config = resolveConfig(
    {
      project: 'shop',
      services: { web: { start: 'URL=postgres://a:b3@c/d API_TOKEN=abc X_TOKEN=$T MODE=on node server.js', env } },
      database: { url: 'postgres://app:s3cret@db.example/shop' },
      build: { env: { NPM_TOKEN: 'npm_abc' } },
      environments: { p: {} },
    },
    'p',
  )
  const shown = printableConfig(config)
  expect(shown.services[0]?.env).toEqual({
    ...env,
    STRIPE_SECRET_KEY: MASK,
    dbPassword: MASK,
    JDBC: MASK,
    SENTRY_DSN: MASK,
    REDIS_URL: `redis://user:${MASK}@cache:6379/0`,
    PUBLIC_URL: `https://shop.example/${MASK}`,
    SOMETHING: MASK,
  })
  expect(shown.services[0]?.start).toBe(
    `URL=postgres://a:${MASK}@c/d API_TOKEN=${MASK} X_TOKEN=$T MODE=on node server.js`,
  )
  expect(shown.database?.url).toBe(`postgres://app:${MASK}@db.example/shop`)
  expect(shown.build.env).toEqual({ NPM_TOKEN: MASK })
  expect(config.services[0]?.env.dbPassword).toBe('hunter2')
})

test('a long value is masked as quickly as a short one', () => {
  const env = { A: 'x'.repeat(120_000), B: 'a://'.repeat(30_000), C: 'A_B='.repeat(30_000) }
  const document = { project: 'p', services: { web: { start: 'x', env } }, environments: { p: {} } }
  const shown = printableConfig(resolveConfig(document, 'p')).services[0]?.env
  expect(shown).toEqual({ A: MASK, B: MASK, C: MASK })
})
