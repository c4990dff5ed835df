import { error, json } from '@sveltejs/kit'
import { requireId, requireUser } from '#lib/server/api.ts'
import { readComments, readPost, removePost } from '#lib/server/posts.ts'
import type { RequestHandler } from './$types'

export const GET: RequestHandler = async ({ params, locals }) => {
  const id = requireId(params.id)
  const [post, comments] = await Promise.all([readPost(id, locals.user), readComments(id)])
  if (!post) error(404, 'This post is gone')
  return json({ ...post, comments })
}

export const DELETE: RequestHandler = async ({ params, locals }) => {
  if (!(await removePost(requireUser(locals), requireId(params.id)))) error(404, 'You have no such post')
  return new Response(null, { status: 204 })
}
