import { z } from '@hono/zod-openapi'

/** ISO 8601, in UTC. */
export const timestamp = z.string().meta({ format: 'date-time' })

export const environmentParam = z.object({
  environment: z
    .string()
    .min(1)
    .max(200)
    .meta({ description: 'Key `<project>.<name>`, or the name where it is unique' }),
})

export const idParam = z.object({ id: z.string().min(1).max(64) })

export const pageQuery = z.object({
  environment: z.string().min(1).max(200).optional(),
  cursor: z
    .string()
    .regex(/^[\w-]{1,64}$/, 'is not a cursor of ours')
    .optional(),
  limit: z.coerce.number().int().min(1).max(100).default(20),
})

export const idempotencyHeader = z.object({
  'idempotency-key': z
    .string()
    .min(1)
    .max(200)
    .optional()
    .meta({ description: 'The same key gives the same deployment, however often it is sent' }),
})

/** A list of an answer: read-only as everything that the engine says, so that handlers are checked against their route. */
export function listOf<Item extends z.ZodType>(item: Item) {
  return z.array(item).readonly()
}

/** `summary` leaves out what takes long to find or to send. */
export const viewParam = z.enum(['whole', 'summary']).default('whole')

export function pageOf<Item extends z.ZodType>(item: Item) {
  return z.object({ items: listOf(item), nextCursor: z.string().nullable() })
}

export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.string(),
    detail: z.string(),
    hint: z.string().optional(),
    problems: z
      .array(
        z.object({
          path: z.string(),
          message: z.string(),
          seen: z.string().optional(),
          hint: z.string().optional(),
        }),
      )
      .optional(),
    details: z.record(z.string(), z.unknown()).optional(),
  })
  .meta({ id: 'Problem' })
