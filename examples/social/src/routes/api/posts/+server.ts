import { error, json } from '@sveltejs/kit'
import { beforeOf, readJson, requireUser } from '#lib/server/api.ts'
import { cleanBody, readFeed, writePost } from '#lib/server/posts.ts'
import type { RequestHandler } from './$types'

export const GET: RequestHandler = async ({ url, locals }) => json(await readFeed(locals.user, { before: beforeOf(url) }))

export const POST: RequestHandler = async ({ request, locals }) => {
  const user = requireUser(locals)
  const body = cleanBody((await readJson(request))['body'])
  if (!body) error(422, 'A post has 1 to 500 characters')
  return json(await writePost(user, body), { status: 201 })
}
