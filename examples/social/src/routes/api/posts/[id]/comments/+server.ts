import { error, json } from '@sveltejs/kit'
import { readJson, requireId, requireUser } from '#lib/server/api.ts'
import { cleanBody, writeComment } from '#lib/server/posts.ts'
import type { RequestHandler } from './$types'

export const POST: RequestHandler = async ({ params, request, locals }) => {
  const user = requireUser(locals)
  const body = cleanBody((await readJson(request))['body'])
  if (!body) error(422, 'A comment has 1 to 500 characters')
  return json((await writeComment(user, requireId(params.id), body)) ?? error(404, 'This post is gone'), { status: 201 })
}
