import { z } from '@hono/zod-openapi'
import { instanceStates } from '../../model/instance.ts'
import { listOf, timestamp } from './common.ts'
import { deploymentSchema, deploymentSummarySchema } from './deployment.ts'

const instanceSchema = z.object({
  id: z.string(),
  environment: z.string(),
  release: z.string(),
  service: z.string(),
  index: z.int(),
  state: z.enum(instanceStates),
  address: z.object({ host: z.string(), port: z.int() }).exactOptional(),
  pid: z.int().exactOptional(),
  startedAt: timestamp.exactOptional(),
  restarts: z.int(),
  exit: z.object({ code: z.int().nullable(), at: timestamp }).exactOptional(),
})

export const holdModes = ['off', 'wait', 'maintenance'] as const

const summary = {
  key: z.string(),
  project: z.string(),
  name: z.string(),
  release: z.string().nullable(),
  warmRelease: z.string().nullable(),
  urls: listOf(z.string()),
  previewKey: z.string(),
  holds: listOf(z.object({ service: z.string().exactOptional(), mode: z.enum(holdModes) })),
}

export const environmentSummarySchema = z
  .object({ ...summary, deployment: deploymentSummarySchema.nullable() })
  .meta({ id: 'EnvironmentSummary' })

export const environmentSchema = z
  .object({
    ...summary,
    fleets: listOf(z.object({ environment: z.string(), release: z.string(), instances: listOf(instanceSchema) })),
    deployment: deploymentSchema.nullable(),
  })
  .meta({ id: 'Environment' })

export const secretSchema = z
  .object({ name: z.string(), version: z.int(), updatedAt: timestamp })
  .meta({ id: 'Secret' })

const routeCount = z.object({ requests: z.number(), bad: z.number() })
const statusClass = z.number().exactOptional()

export const samplesSchema = z
  .object({
    samples: listOf(
      z.object({
        from: z.number(),
        seconds: z.number(),
        service: z.string(),
        release: z.string(),
        instance: z.string().exactOptional(),
        weight: z.number().exactOptional(),
        requests: z.number(),
        bad: z.number(),
        distinctBad: z.number().exactOptional(),
        statusClasses: z.object({
          '1xx': statusClass,
          '2xx': statusClass,
          '3xx': statusClass,
          '4xx': statusClass,
          '5xx': statusClass,
          none: statusClass,
        }),
        latency: z.record(z.string(), z.number()).exactOptional(),
        routes: z.record(z.string(), routeCount).exactOptional(),
      }),
    ),
    cursor: z.string(),
  })
  .meta({ id: 'Samples' })
