import { z } from '@hono/zod-openapi'
import { serviceKinds } from '../../model/release.ts'
import { listOf, timestamp } from './common.ts'

const variables = z.record(z.string(), z.string())
const milliseconds = z.number().min(0).max(Number.MAX_SAFE_INTEGER)

const routeSchema = z.strictObject({ host: z.string().min(1).exactOptional(), path: z.string().startsWith('/') })

const healthSchema = z.strictObject({
  path: z.string().startsWith('/').nullable(),
  intervalMs: milliseconds,
  timeoutMs: milliseconds,
  passes: z.int().min(1),
  failures: z.int().min(1),
  readyMs: milliseconds,
})

const serviceSchema = z
  .strictObject({
    name: z.string().regex(/^[a-z][a-z0-9-]{0,62}$/),
    kind: z.enum(serviceKinds),
    directory: z.string(),
    start: z.string().min(1).exactOptional(),
    user: z.string().max(64).exactOptional(),
    instances: z.int().min(0).max(1000),
    env: variables,
    routes: listOf(routeSchema),
    health: healthSchema,
    drainMs: milliseconds,
    stopGraceMs: milliseconds,
    root: z.string().exactOptional(),
    fallback: z.string().exactOptional(),
    assets: z.strictObject({ path: z.string(), directory: z.string() }).exactOptional(),
    startWorkers: z.enum(['before-shift', 'after-promotion']).exactOptional(),
    limits: z.strictObject({
      memoryBytes: z.number().positive().exactOptional(),
      cpus: z.number().positive().exactOptional(),
    }),
    schedule: z.string().exactOptional(),
  })
  .meta({ id: 'Service' })

const targetSchema = z
  .strictObject({ name: z.string().min(1), settings: z.record(z.string(), z.unknown()) })
  .meta({ id: 'ReleaseTarget', description: 'Where it runs, and what was decided for that place' })

const databaseSchema = z
  .strictObject({
    engine: z.literal('postgres'),
    url: z.union([z.string(), z.strictObject({ secret: z.string().min(1).max(128) })]).exactOptional(),
    release: z.string().exactOptional(),
  })
  .meta({ id: 'ReleaseDatabase' })

const releaseRecordSchema = z.object({
  id: z.string(),
  environment: z.string(),
  project: z.string(),
  artifact: z.string(),
  source: z.object({
    kind: z.enum(['git', 'directory']),
    commit: z.string().nullable(),
    dirty: z.boolean(),
    branch: z.string().nullable(),
    subject: z.string().nullable(),
  }),
  services: listOf(serviceSchema),
  target: targetSchema,
  keepAssetsOfReleases: z.int().min(0),
  stickiness: z.boolean(),
  keepReleases: z.int().positive().exactOptional(),
  secrets: z.record(z.string(), z.int()),
  database: databaseSchema.nullable(),
  schema: z.object({ min: z.int(), max: z.int() }).nullable(),
  createdAt: timestamp,
})

export const releaseSchema = z
  .object({
    record: releaseRecordSchema,
    state: z.enum(['prepared', 'serving', 'warm', 'kept', 'on-hold', 'pruned']),
    deployment: z.string(),
  })
  .meta({ id: 'Release' })
