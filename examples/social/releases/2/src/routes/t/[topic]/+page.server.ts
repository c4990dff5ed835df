import { error } from '@sveltejs/kit'
import { likeAction } from '#lib/server/actions.ts'
import { beforeOf } from '#lib/server/api.ts'
import { readFeed } from '#lib/server/posts.ts'
import { normalizeTopic } from '#lib/server/topics.ts'
import type { Actions, PageServerLoad } from './$types'

export const load: PageServerLoad = async ({ params, url, locals }) => {
  const topic = normalizeTopic(params.topic)
  if (!topic) error(404, 'There is no such topic')
  return { topic, ...(await readFeed(locals.user, { topic, before: beforeOf(url) })) }
}

export const actions: Actions = { like: likeAction }
