import { createRoute, z } from '@hono/zod-openapi'
import { expect, test } from 'vitest'
import { openApiText } from './openapi-text.ts'
import { jsonAnswer, refusals, router } from './router.ts'

const route = createRoute({
  method: 'get',
  path: '/thing',
  responses: { 200: jsonAnswer(z.object({ count: z.number() }), 'A thing'), ...refusals },
})

test('a handler that answers something else than its route says does not compile', async () => {
  const app = router()
  // @ts-expect-error: the route promises a number
  app.openapi(route, (c) => c.json({ count: 'many' }, 200))
  expect(await (await app.request('/thing')).json()).toEqual({ count: 'many' })
})

test('every answer says what it carries, or is empty: one that does not would switch off the check of its handler', () => {
  const { paths } = JSON.parse(openApiText()) as { paths: Record<string, Record<string, Operation>> }
  const silent = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).flatMap(([method, { responses }]) =>
      Object.entries(responses)
        .filter(([status, { content }]) => status !== '204' && content === undefined)
        .map(([status]) => `${method} ${path} ${status}`),
    ),
  )
  expect(silent).toEqual([])
})

interface Operation {
  readonly responses: Readonly<Record<string, { readonly content?: object }>>
}
