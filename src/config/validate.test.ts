import { expect, test } from 'vitest'
import { configProblems, validateConfig } from './validate.ts'

const web = { start: 'node server.js' }
const valid = { project: 'shop', services: { web }, environments: { production: {} } }
const problemAt = (document: unknown, path: string) => configProblems(document).find((problem) => problem.path === path)

test('a project, a service and an environment are enough', () => {
  expect(configProblems(valid)).toEqual([])
  expect(validateConfig(valid)).toBe(valid)
})

test('thirty errors in a file give thirty problems, each with its place', () => {
  const document = {
    project: 'My Shop', // 1
    keepReleses: 3, // 2
    stickiness: 'yes', // 3
    build: { timeout: 90, maxSize: '1 potato' }, // 4, 5
    database: { engine: 'mysql', url: 'localhost' }, // 6, 7
    edge: { http: 70_000, https: 443, limits: { hold: '15' }, implementation: 'nginx' }, // 8, 9 (no certificate), 10, 11
    services: {
      web: {
        kind: 'web',
        start: 'node server.js',
        instances: 0, // 12
        health: 'health', // 13
        routes: [{ host: 'https://Shop.example', path: '/' }], // 14
        drain: '30', // 15
        env: { PORT: '3000', 'MY-VAR': 'x' }, // 16, 17
        assets: { path: '/assets' }, // 18
        restart: 'always', // 19
      },
      Mailer: { kind: 'worker', start: 'node mailer.js', instances: '2' }, // 20, 21
      jobs: { kind: 'cron', start: 'x' }, // 22
      site: { kind: 'static', start: 'serve' }, // 23 (start), 24 (root)
      queue: { kind: 'worker' }, // 25
    },
    environments: {
      staging: { target: 'aws', strategy: 'blue-gren' }, // 26, 27
      production: {
        strategy: { name: 'canary', steps: [25, 5], batch: 0.5 }, // 28, 29
        services: { wbe: { instances: 4 } }, // 30
      },
    },
  }
  const problems = configProblems(document)
  expect(problems.map(({ path }) => path)).toEqual([
    'project',
    'keepReleses',
    'stickiness',
    'build.timeout',
    'build.maxSize',
    'database.engine',
    'database.url',
    'edge.http',
    'edge.limits.hold',
    'edge.implementation',
    'edge.certificates',
    'services.web.instances',
    'services.web.health',
    'services.web.routes[0].host',
    'services.web.drain',
    'services.web.env.PORT',
    'services.web.env.MY-VAR',
    'services.web.assets.directory',
    'services.web.restart',
    'services.Mailer',
    'services.Mailer.instances',
    'services.jobs.kind',
    'services.site.start',
    'services.site.root',
    'services.queue.start',
    'environments.staging.target',
    'environments.staging.strategy',
    'environments.production.strategy.steps[1]',
    'environments.production.strategy.batch',
    'environments.production.services.wbe',
  ])
  expect(problems).toHaveLength(30)
})

test('a slip of a key, of a value or of a service is answered with the nearest one', () => {
  expect(problemAt({ ...valid, servces: {} }, 'servces')?.hint).toBe('did you mean services?')
  expect(problemAt({ ...valid, services: { web: { ...web, HEALTH: '/' } } }, 'services.web.HEALTH')?.hint).toBe(
    'did you mean health?',
  )
  const slip = { ...valid, environments: { production: { strategy: 'cannary' } } }
  expect(problemAt(slip, 'environments.production.strategy')).toEqual({
    path: 'environments.production.strategy',
    message: 'must be one of "rolling", "blue-green", "canary" or an object',
    seen: '"cannary"',
    hint: 'did you mean canary?',
  })
  const preset = { ...valid, environments: { production: { strategy: { name: 'canary', preset: 'carefull' } } } }
  expect(problemAt(preset, 'environments.production.strategy.preset')?.hint).toBe('did you mean careful?')
})

test('a key at the wrong place is sent to the right one', () => {
  const document = { ...valid, environments: { production: { bake: '10m' } } }
  expect(problemAt(document, 'environments.production.bake')?.hint).toBe(
    'bake belongs into environments.<name>.strategy',
  )
})

test('a value in the wrong form is shown in the right one', () => {
  const hint = (service: object, key: string) =>
    problemAt({ ...valid, services: { web: { ...web, ...service } } }, `services.web.${key}`)?.hint
  expect(hint({ drain: 30 }, 'drain')).toBe('write "30s" for seconds, or "30ms"')
  expect(hint({ health: 'health' }, 'health')).toBe('write "/health"')
  expect(hint({ instances: '4' }, 'instances')).toBe('write 4 without quotes')
  expect(hint({ build: { output: 'dist' } }, 'build.output')).toBe('write ["dist"]')
  expect(hint({ routes: [{ host: 'https://Shop.example/x' }] }, 'routes[0].host')).toBe('write "shop.example"')
})

test('secrets in a wrong place are not repeated', () => {
  const document = {
    ...valid,
    database: { url: 'postgres://app:hunter2@' },
    services: { web: { ...web, env: { API_TOKEN: { value: 'x' } }, passwort: 'sk_live_abcdefghijklmnop' } },
  }
  const text = JSON.stringify(configProblems(document))
  expect(text).not.toContain('hunter2')
  expect(text).not.toContain('sk_live')
})

test('a database URL may name a secret', () => {
  const problems = (url: unknown) => configProblems({ ...valid, database: { url } })
  expect(problems({ secret: 'SHOP_DB' })).toEqual([])
  expect(problems({ secret: 'shop db' })).toMatchObject([
    { path: 'database.url.secret', message: 'must be the name of an environment variable' },
  ])
  expect(problems({ secrets: 'X' })).toMatchObject([
    { path: 'database.url.secrets', hint: 'did you mean secret?' },
    { path: 'database.url.secret', message: 'is missing' },
  ])
  expect(problems(5)).toMatchObject([
    { path: 'database.url', message: 'must be a URL with host and database or an object' },
  ])
})

test('two services cannot own one route', () => {
  const services = { web, api: { start: 'node api.js' } }
  expect(configProblems({ ...valid, services })).toMatchObject([
    { path: 'services.api', message: 'claims any host, path /, as web does' },
  ])
  const routed = { web, api: { start: 'node api.js', routes: [{ path: '/api/' }, { path: '/api' }] } }
  expect(configProblems({ ...valid, services: routed })).toMatchObject([
    { path: 'services.api.routes[1]', message: 'names any host, path /api twice' },
  ])
  expect(configProblems({ ...valid, services: { web, api: { start: 'node api.js', routes: [] } } })).toEqual([])
})

test('an override that makes two services own one route is blamed, and only it', () => {
  const document = {
    ...valid,
    services: { web, api: { start: 'node api.js', routes: [{ path: '/api' }] } },
    environments: { staging: {}, production: { services: { api: { routes: [{ path: '/' }] } } } },
  }
  expect(configProblems(document).map(({ path }) => path)).toEqual(['environments.production.services.api.routes[0]'])
})

test('keys that do not fit the kind of service are refused with the reason', () => {
  const document = { ...valid, services: { web, mail: { kind: 'worker', start: 'x', routes: [], health: '/' } } }
  expect(configProblems(document)).toMatchObject([
    { path: 'services.mail.routes', hint: 'remove it: only web and static services get requests' },
    { path: 'services.mail.health', hint: 'remove it: only web services are probed' },
  ])
})

test('a static service needs one folder to serve, and it has to be in the output', () => {
  const site = (more: object) => ({ ...valid, services: { site: { kind: 'static', ...more } } })
  expect(configProblems(site({})).map(({ path }) => path)).toEqual(['services.site.root'])
  expect(configProblems(site({ build: { output: ['dist', '!node_modules'] } }))).toEqual([])
  expect(configProblems(site({ build: { output: ['dist'] }, root: 'public' })).map(({ path }) => path)).toEqual([
    'services.site.root',
  ])
})

test('a start that every environment sets is not missing', () => {
  const services = { web: { health: '/health' } }
  const environments = { production: { services: { web: { start: 'node server.js' } } } }
  expect(configProblems({ ...valid, services, environments })).toEqual([])
  expect(configProblems({ ...valid, services, environments: { ...environments, staging: {} } })).toMatchObject([
    { path: 'services.web.start' },
  ])
})

test('listeners that lead nowhere are refused', () => {
  const paths = (edge: object) => configProblems({ ...valid, edge }).map(({ path }) => path)
  const certificates = [{ host: 'shop.example', cert: 'a.pem', key: 'a.key' }]
  expect(paths({ https: 443 })).toEqual(['edge.certificates'])
  expect(paths({ http: false })).toEqual(['edge.http'])
  expect(paths({ redirect: true })).toEqual(['edge.redirect'])
  expect(paths({ http: 443, https: 443, certificates })).toEqual(['edge.https'])
  expect(paths({ http: 80, https: 443, certificates: [...certificates, ...certificates] })).toEqual([
    'edge.certificates[1].host',
  ])
  expect(paths({ http: 80, https: 443, certificates })).toEqual([])
})

test('settings of another strategy are refused', () => {
  const paths = (strategy: object) =>
    configProblems({ ...valid, environments: { p: { strategy } } }).map(({ path }) => path.replace(/.*strategy\.?/, ''))
  expect(paths({ name: 'rolling', observe: '2m', switch: 'ramp' })).toEqual(['observe', 'switch'])
  expect(paths({ name: 'blue-green', observe: '2m' })).toEqual(['observe'])
  expect(paths({ name: 'blue-green', switch: 'ramp', observe: '2m' })).toEqual([])
  expect(paths({ name: 'canary', stepTime: '2m' })).toEqual(['stepTime'])
  expect(paths({ name: 'canary', observe: '2h', maxWait: '1h' })).toEqual(['maxWait'])
  expect(paths({ name: 'canary', steps: [5, 25, 25, 50] })).toEqual(['steps[2]'])
})

test('variables that Sluice sets are refused wherever they are written', () => {
  const document = {
    ...valid,
    database: {},
    env: { SLUICE_HOME: 'x' },
    services: { web: { ...web, env: { PORT: 3000 } } },
    environments: { production: { env: { DATABASE_URL: 'postgres://a:b@c/d' } } },
  }
  expect(configProblems(document).map(({ path }) => path)).toEqual([
    'services.web.env.PORT',
    'environments.production.env.DATABASE_URL',
    'env.SLUICE_HOME',
  ])
})

test('an empty environment of a YAML file is told what to write', () => {
  expect(configProblems({ ...valid, environments: { production: null } })).toMatchObject([
    { path: 'environments.production', hint: 'write {} where nothing differs from the defaults' },
  ])
})

test('names that JavaScript gives a meaning to do no harm', () => {
  const document: unknown = JSON.parse('{"project":"x","services":{"__proto__":{"start":"x"}},"environments":{"p":{}}}')
  expect(configProblems(document)).toMatchObject([{ path: 'services.__proto__', message: 'cannot be a name' }])
  expect(configProblems({ ...valid, services: { constructor: { start: 'x' } } })).toEqual([])
})

test('anything but an object is one problem, and an empty one is three', () => {
  for (const document of [null, 'text', 7, []]) expect(configProblems(document)).toHaveLength(1)
  expect(configProblems({ ...valid, services: {}, environments: {} }).map(({ path }) => path)).toEqual([
    'services',
    'environments',
  ])
  expect(configProblems({ ...valid, services: { Web: web } })).toMatchObject([{ path: 'services.Web' }])
  expect(configProblems({}).map(({ path }) => path)).toEqual(['project', 'services', 'environments'])
})

test('the error carries every problem and the way out', () => {
  expect(() => validateConfig({ ...valid, x: 1, y: 2 }, 'sluice.config.ts')).toThrowError(
    expect.objectContaining({ code: 'CONFIG_INVALID', message: 'sluice.config.ts has 2 problems', exitCode: 2 }),
  )
})

test('variables that no process could be given are refused', () => {
  const document = {
    ...valid,
    env: { BIG: 'x'.repeat(131_072), FINE: 'x'.repeat(100_000) },
    services: { web: { ...web, env: { NUL: 'a\0b' }, start: 'node\0server.js' } },
  }
  const paths = configProblems(document).map(({ path }) => path)
  expect(paths).toEqual(['services.web.start', 'services.web.env.NUL', 'env.BIG'])
})
