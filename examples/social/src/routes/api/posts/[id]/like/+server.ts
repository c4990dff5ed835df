import { error, json } from '@sveltejs/kit'
import { requireId, requireUser } from '#lib/server/api.ts'
import { setLike } from '#lib/server/posts.ts'
import type { RequestEvent, RequestHandler } from './$types'

export const PUT: RequestHandler = (event) => answer(event, true)
export const DELETE: RequestHandler = (event) => answer(event, false)

async function answer({ params, locals }: RequestEvent, liked: boolean): Promise<Response> {
  return json((await setLike(requireUser(locals), requireId(params.id), liked)) ?? error(404, 'This post is gone'))
}
