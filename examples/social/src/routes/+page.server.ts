import { redirect } from '@sveltejs/kit'
import { bodyOf, likeAction, userOrSignUp } from '#lib/server/actions.ts'
import { beforeOf } from '#lib/server/api.ts'
import { loadAside } from '#lib/server/aside.ts'
import { readFeed, writePost } from '#lib/server/posts.ts'
import type { Actions, PageServerLoad } from './$types'

export const load: PageServerLoad = async ({ url, locals }) => {
  const before = beforeOf(url)
  const [feed, aside] = await Promise.all([readFeed(locals.user, { before }), loadAside()])
  return { ...feed, aside, first: before === null }
}

export const actions: Actions = {
  post: async (event) => {
    const user = userOrSignUp(event)
    const { body, problem } = await bodyOf(event.request, 'post')
    if (problem) return problem
    await writePost(user, body)
    redirect(303, '/')
  },
  like: likeAction,
}
