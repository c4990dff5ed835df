import { expect, test } from 'vitest'
import { strategySettings } from '../strategy/testing/strategy-settings.ts'
import { resolveConfig } from './resolve.ts'

const web = { start: 'node server.js' }
const minimal = { project: 'shop', services: { web }, environments: { production: {}, staging: {} } }

test('the smallest document resolves to a complete one', () => {
  expect(resolveConfig(minimal, 'production')).toEqual({
    project: 'shop',
    environment: 'production',
    target: {
      name: 'local',
      settings: {
        edge: {
          httpPort: null,
          httpsPort: null,
          redirectToHttps: false,
          certificates: [],
          limits: {
            headerBytes: 64_000,
            bodyBytes: 100_000_000,
            headersMs: 15_000,
            bodyIdleMs: 30_000,
            responseMs: 60_000,
            keepAliveMs: 75_000,
            connections: 10_000,
            holdQueue: 1000,
            holdMs: 15_000,
          },
        },
      },
    },
    strategy: strategySettings(),
    services: [
      {
        name: 'web',
        kind: 'web',
        directory: '',
        start: 'node server.js',
        instances: 2,
        env: {},
        routes: [{ path: '/' }],
        health: { path: null, intervalMs: 1000, timeoutMs: 2000, passes: 2, failures: 3, readyMs: 60_000 },
        drainMs: 30_000,
        stopGraceMs: 10_000,
        limits: {},
      },
    ],
    build: {
      services: [{ name: 'web', directory: '', install: 'auto' }],
      env: {},
      timeoutMs: 900_000,
      maxBytes: 1_000_000_000,
    },
    database: null,
    stickiness: true,
    requireClean: true,
    keepReleases: 10,
    keepAssetsOfReleases: 3,
  })
})

test('only production wants a clean working tree by itself', () => {
  expect(resolveConfig(minimal, 'staging').requireClean).toBe(false)
  const open = { ...minimal, environments: { production: { requireClean: false } } }
  expect(resolveConfig(open, 'production').requireClean).toBe(false)
})

test('a bake of ten minutes follows canary and blue-green, and none follows rolling', () => {
  const bake = (strategy: unknown) =>
    resolveConfig({ ...minimal, environments: { p: { strategy } } }, 'p').strategy.bakeSeconds
  expect([bake('canary'), bake('blue-green'), bake('rolling'), bake({ name: 'canary', bake: '90s' })]).toEqual([
    600, 600, 0, 90,
  ])
})

test('strategy settings become figures', () => {
  const strategy = {
    name: 'canary',
    steps: [5, 25, 50],
    stepTime: '2m',
    preset: 'careful',
    observe: '25s',
    maxWait: '2m',
    absoluteLimit: '2%',
    latencyTolerance: 0.3,
    smoke: ['/health'],
  }
  expect(resolveConfig({ ...minimal, environments: { p: { strategy } } }, 'p').strategy).toMatchObject({
    steps: [5, 25, 50],
    stepSeconds: 120,
    preset: 'careful',
    observeSeconds: 25,
    maxWaitSeconds: 120,
    absoluteLimit: 0.02,
    latencyTolerance: 0.3,
    smoke: ['/health'],
  })
})

test('an environment wins over a service, block by block', () => {
  const config = resolveConfig(
    {
      ...minimal,
      env: { A: 'all', B: 'all', C: 'all', D: 'all' },
      services: {
        web: {
          ...web,
          health: '/health',
          env: { B: 'service', C: 'service', D: 'service' },
          limits: { memory: '512MB' },
        },
      },
      environments: {
        p: {
          env: { C: 'environment', D: 'environment' },
          services: { web: { instances: 4, health: { ready: '2m' }, env: { D: 5 }, limits: { cpus: 2 } } },
        },
      },
    },
    'p',
  )
  expect(config.services[0]).toMatchObject({
    start: 'node server.js',
    instances: 4,
    health: { path: '/health', readyMs: 120_000, intervalMs: 1000 },
    env: { A: 'all', B: 'service', C: 'environment', D: '5' },
    limits: { memoryBytes: 512_000_000, cpus: 2 },
  })
})

test('each kind of service gets what it needs and nothing else', () => {
  const services = {
    web,
    mail: { kind: 'worker', directory: './apps/mail/', start: 'node mail.js' },
    site: { kind: 'static', build: { output: ['dist'] }, fallback: 'index.html', routes: [{ host: 'a.example' }] },
    clean: { kind: 'job', start: 'node clean.js', schedule: '0 3 * * *' },
  }
  const resolved = resolveConfig({ ...minimal, services }, 'staging').services
  expect(resolved.map(({ instances }) => instances)).toEqual([2, 1, 0, 0])
  expect(resolved[1]).toMatchObject({ directory: 'apps/mail', routes: [], startWorkers: 'after-promotion' })
  expect(resolved[2]).toMatchObject({
    root: 'dist',
    fallback: 'index.html',
    routes: [{ host: 'a.example', path: '/' }],
  })
  expect(resolved[3]).toMatchObject({ schedule: '0 3 * * *', routes: [] })
})

test('edge settings of the environment are merged, and files are named from the project', () => {
  const document = {
    ...minimal,
    edge: { implementation: 'haproxy', http: 80, limits: { hold: '5s', body: '0B' } },
    environments: {
      p: {
        edge: {
          https: 443,
          certificates: [{ host: 'a.example', cert: 'tls/a.pem', key: '/etc/a.key' }],
          limits: { header: '32kB' },
        },
      },
    },
  }
  const { target, edgeImplementation } = resolveConfig(document, 'p', { projectDir: '/srv/shop' })
  expect(edgeImplementation).toBe('haproxy')
  expect(target).toMatchObject({ name: 'local' })
  expect(target.settings.edge).toMatchObject({
    httpPort: 80,
    httpsPort: 443,
    redirectToHttps: true,
    certificates: [{ host: 'a.example', certFile: '/srv/shop/tls/a.pem', keyFile: '/etc/a.key' }],
    limits: { holdMs: 5000, bodyBytes: 0, headerBytes: 32_000 },
  })
  expect(resolveConfig({ ...minimal, edge: 'haproxy' }, 'staging').edgeImplementation).toBe('haproxy')
})

test('the database is the project’s, with what the environment says', () => {
  const document = {
    ...minimal,
    database: { release: 'npm run migrate' },
    environments: {
      p: { database: { url: 'postgres://app:pw@db.example/shop' } },
      q: {},
      s: { database: { url: { secret: 'SHOP_DB' } } },
    },
  }
  expect(resolveConfig(document, 'p').database).toEqual({
    engine: 'postgres',
    url: 'postgres://app:pw@db.example/shop',
    release: 'npm run migrate',
  })
  expect(resolveConfig(document, 'q').database).toEqual({ engine: 'postgres', release: 'npm run migrate' })
  expect(resolveConfig(document, 's').database?.url).toEqual({ secret: 'SHOP_DB' })
})

test('an environment that is not there is answered with the nearest', () => {
  expect(() => resolveConfig(minimal, 'prodution')).toThrowError(
    expect.objectContaining({
      code: 'ENVIRONMENT_UNKNOWN',
      hint: 'did you mean production? it has: production, staging',
    }),
  )
  expect(() => resolveConfig(minimal, 'constructor')).toThrowError(
    expect.objectContaining({ code: 'ENVIRONMENT_UNKNOWN' }),
  )
})
