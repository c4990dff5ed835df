import { z } from '@hono/zod-openapi'
import { databaseSchema, serviceSchema, targetSchema } from './release.ts'

const seconds = z.number().min(0).max(Number.MAX_SAFE_INTEGER)
const share = z.number().min(0).max(1)
const name = z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, 'must be lower-case letters, digits and hyphens')

const strategySchema = z
  .strictObject({
    name: z.enum(['rolling', 'blue-green', 'canary']),
    steps: z.array(z.number().min(0).max(100)).exactOptional(),
    stepSeconds: seconds,
    preset: z.enum(['careful', 'balanced', 'fast']),
    observeSeconds: seconds.exactOptional(),
    maxWaitSeconds: seconds.exactOptional(),
    bakeSeconds: seconds,
    batch: share,
    surge: z.number().min(0),
    switch: z.enum(['at-once', 'ramp']),
    smoke: z.array(z.string()),
    onInconclusive: z.enum(['ask', 'promote', 'roll-back']),
    absoluteLimit: share,
    latency: z.boolean(),
    latencyTolerance: z.number().min(0).exactOptional(),
  })
  .meta({ id: 'Strategy' })

const buildServiceSchema = z.strictObject({
  name,
  directory: z.string(),
  command: z.string().exactOptional(),
  output: z.array(z.string()).exactOptional(),
  install: z.union([z.enum(['auto', 'none']), z.strictObject({ command: z.string() })]),
  nodePath: z.string().exactOptional(),
})

const configSchema = z
  .strictObject({
    project: name,
    environment: name,
    target: targetSchema,
    strategy: strategySchema,
    services: z.array(serviceSchema).min(1),
    build: z.strictObject({
      services: z.array(buildServiceSchema),
      env: z.record(z.string(), z.string()),
      timeoutMs: z.number().min(0),
      maxBytes: z.number().min(0),
    }),
    database: databaseSchema.nullable(),
    edgeImplementation: z.enum(['node', 'haproxy']).exactOptional(),
    stickiness: z.boolean(),
    requireClean: z.boolean(),
    keepReleases: z.int().min(1),
    keepAssetsOfReleases: z.int().min(0),
  })
  .meta({ id: 'ResolvedConfig' })

/** What the command line sends: the configuration of one environment with every default filled in, and its source. */
export const deployRequestSchema = z
  .strictObject({
    config: configSchema,
    projectDir: z.string().startsWith('/'),
    source: z.strictObject({
      commit: z.string().nullable(),
      branch: z.string().nullable(),
      subject: z.string().nullable(),
      dirty: z.boolean(),
      artifactDir: z.string().startsWith('/').nullable(),
    }),
    replace: z.boolean(),
  })
  .meta({ id: 'DeployRequest' })
