import { error, fail, redirect } from '@sveltejs/kit'
import { bodyOf, likeAction, userOrSignUp } from '#lib/server/actions.ts'
import { requireId } from '#lib/server/api.ts'
import { readComments, readPost, removePost, writeComment } from '#lib/server/posts.ts'
import type { Actions, PageServerLoad } from './$types'

export const load: PageServerLoad = async ({ params, locals }) => {
  const id = requireId(params.id)
  const [post, comments] = await Promise.all([readPost(id, locals.user), readComments(id)])
  if (!post) error(404, 'This post is gone')
  return { post, comments }
}

export const actions: Actions = {
  comment: async (event) => {
    const user = userOrSignUp(event)
    const { body, problem } = await bodyOf(event.request, 'comment')
    if (problem) return problem
    if (!(await writeComment(user, requireId(event.params.id), body))) return fail(404, { problem: 'This post is gone.' })
    return { commented: true }
  },
  remove: async (event) => {
    if (!(await removePost(userOrSignUp(event), requireId(event.params.id)))) error(404, 'You have no such post')
    redirect(303, '/')
  },
  like: likeAction,
}
