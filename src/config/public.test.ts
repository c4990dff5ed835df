import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { expect, expectTypeOf, test } from 'vitest'
import type { z } from 'zod'
import { type Config, type ConfigSource, defineConfig, type ServiceConfig, type StrategyConfig } from './public.ts'
import type { documentSchema, ServiceDocument, StrategyDocument } from './schema.ts'

const services = { web: { start: 'node server.js' } } as const

test('defineConfig gives back what it is given', () => {
  const config = { project: 'shop', services, environments: { production: {} } }
  expect(defineConfig(config)).toBe(config)
  const promise = Promise.resolve(config)
  expect(defineConfig(promise)).toBe(promise)
  const make = () => config
  expect(defineConfig(make)).toBe(make)
})

test('the types of users are the schema’s: what compiles has only known keys and right forms', () => {
  type Mutable<T> = T extends string | number | boolean | undefined
    ? T
    : T extends readonly (infer E)[]
      ? Mutable<E>[]
      : { -readonly [K in keyof T]: Mutable<T[K]> }
  const accepted = (config: Mutable<Config<'web'>>): z.input<typeof documentSchema> => config
  expectTypeOf(accepted).returns.toEqualTypeOf<z.input<typeof documentSchema>>()
  type KeysOfAll<T> = T extends unknown ? keyof T : never
  expectTypeOf<keyof Config>().toEqualTypeOf<keyof z.input<typeof documentSchema>>()
  expectTypeOf<KeysOfAll<ServiceConfig>>().toEqualTypeOf<keyof ServiceDocument>()
  expectTypeOf<KeysOfAll<StrategyConfig>>().toEqualTypeOf<keyof Exclude<StrategyDocument, string>>()
})

test('values, promises and functions of the environment are accepted', () => {
  expectTypeOf(defineConfig({ project: 'shop', services, environments: {} })).toEqualTypeOf<ConfigSource<'web'>>()
  void defineConfig(({ environment }) => {
    expectTypeOf(environment).toEqualTypeOf<string | undefined>()
    return { project: 'shop', services, environments: {} }
  })
  void defineConfig(async () => ({ project: 'shop', services, environments: {} }))
})

test('slips are found while typing', () => {
  void defineConfig({
    project: 'shop',
    services,
    // @ts-expect-error no such key
    enviroments: {},
    environments: {},
  })
  // @ts-expect-error a service needs a command
  void defineConfig({ project: 'shop', services: { web: { health: '/' } }, environments: {} })
  void defineConfig({
    project: 'shop',
    services,
    // @ts-expect-error no such strategy
    environments: { production: { strategy: 'cannary' } },
  })
  void defineConfig({
    project: 'shop',
    services,
    // @ts-expect-error steps belong to canary
    environments: { production: { strategy: { name: 'rolling', steps: [5] } } },
  })
  void defineConfig({
    project: 'shop',
    services,
    // @ts-expect-error no service of that name to override
    environments: { production: { services: { wbe: { instances: 4 } } } },
  })
  const environments = {}
  // @ts-expect-error a worker has no routes
  void defineConfig({ project: 'shop', services: { j: { kind: 'worker', start: 'x', routes: [] } }, environments })
})

test('the entry that configurations import loads nothing else', () => {
  const entry = join(import.meta.dirname, 'public.ts')
  const code = `import { registerHooks } from 'node:module'
    const loaded = []
    registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) })
    await import(${JSON.stringify(entry)})
    process.stdout.write(JSON.stringify(loaded))`
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' })
  expect(JSON.parse(stdout)).toHaveLength(1)
})

test('projects that resolve packages the old way find the same entry and types', () => {
  const read = createRequire(import.meta.url)
  const { main, types, exports } = read('../../package.json') as {
    main: string
    types: string
    exports: Record<string, { types: string; default: string }>
  }
  expect({ types, default: main }).toEqual(exports['.'])
})
