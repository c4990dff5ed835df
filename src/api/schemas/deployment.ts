import { z } from '@hono/zod-openapi'
import { deploymentStates } from '../../model/deployment.ts'
import { judgeActions } from '../../model/verdict.ts'
import { listOf, timestamp } from './common.ts'

const errorSchema = z
  .object({
    code: z.string(),
    message: z.string(),
    hint: z.string().exactOptional(),
    problems: listOf(
      z.object({
        path: z.string(),
        message: z.string(),
        seen: z.string().exactOptional(),
        hint: z.string().exactOptional(),
      }),
    ).exactOptional(),
    details: z.record(z.string(), z.unknown()).exactOptional(),
  })
  .meta({ id: 'Error' })

const counts = z.object({ requests: z.number(), bad: z.number() })

const reasonSchema = z.object({
  test: z.string(),
  text: z.string(),
  evidence: z.number().exactOptional(),
  threshold: z.number().exactOptional(),
  ratio: z.object({ estimate: z.number(), low: z.number(), high: z.number() }).exactOptional(),
  failedNew: z.number().exactOptional(),
  failedOld: z.number().exactOptional(),
  requestsNew: z.number().exactOptional(),
  requestsOld: z.number().exactOptional(),
  requestsNeeded: z.number().exactOptional(),
  expectedSeconds: z.number().exactOptional(),
})

const verdictSchema = z
  .object({
    action: z.enum(judgeActions),
    conclusive: z.boolean(),
    summary: z.string(),
    reasons: listOf(reasonSchema),
    counts: z.object({ old: counts, new: counts }),
    protectedAfterSeconds: z.number().nullable(),
    decidedAfterSeconds: z.number().nullable(),
    timeline: listOf(
      z.object({
        second: z.number(),
        weight: z.number(),
        action: z.enum(judgeActions),
        evidence: z.record(z.string(), z.number()),
      }),
    ),
  })
  .meta({ id: 'Verdict' })

const summary = {
  id: z.string(),
  kind: z.enum(['deploy', 'rollback']),
  environment: z.string(),
  state: z.enum(deploymentStates),
  running: z.boolean(),
  strategy: z.enum(['rolling', 'blue-green', 'canary']),
  release: z.string().nullable(),
  previousRelease: z.string().nullable(),
  by: z.string(),
  createdAt: timestamp,
  servingAt: timestamp.nullable(),
  finishedAt: timestamp.nullable(),
  weight: z.number().min(0).max(1),
  seconds: z.record(z.string(), z.number()),
  reason: errorSchema.nullable(),
  question: z
    .object({
      text: z.string(),
      options: listOf(z.string()),
      who: listOf(z.string()).nullable().meta({ description: 'Who may answer, by id; null: whoever may act' }),
      deadline: timestamp,
    })
    .nullable(),
  waiting: z
    .object({ reason: z.string(), until: timestamp.nullable() })
    .nullable()
    .meta({ description: 'Why it may not move traffic yet, and until when as far as one can tell' }),
}

export const deploymentSummarySchema = z.object(summary).meta({ id: 'DeploymentSummary' })

export const deploymentSchema = z
  .object({
    ...summary,
    urls: listOf(z.string()),
    steps: listOf(
      z.object({
        name: z.string(),
        state: z.enum(['pending', 'running', 'done', 'failed', 'skipped']),
        startedAt: timestamp.nullable(),
        finishedAt: timestamp.nullable(),
        detail: z.string().nullable(),
      }),
    ),
    verdict: verdictSchema.nullable(),
    differences: listOf(z.string()),
  })
  .meta({ id: 'Deployment' })

export const promotionSchema = z
  .object({
    deployment: deploymentSchema,
    unknown: listOf(z.string()).meta({ description: 'What nobody knows by now, sentence by sentence' }),
  })
  .meta({ id: 'Promotion' })

export const rollbackCheckSchema = z
  .object({
    environment: z.string(),
    possible: z.boolean(),
    from: z.string().nullable(),
    to: z.string().nullable(),
    way: z.enum(['warm', 'launch']).nullable(),
    checks: listOf(z.object({ name: z.string(), ok: z.boolean(), detail: z.string() })),
    lastSeconds: z.number().nullable(),
  })
  .meta({ id: 'RollbackCheck' })
