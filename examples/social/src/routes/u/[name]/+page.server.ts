import { error } from '@sveltejs/kit'
import { likeAction } from '#lib/server/actions.ts'
import { beforeOf } from '#lib/server/api.ts'
import { readFeed } from '#lib/server/posts.ts'
import { profileOf } from '#lib/server/users.ts'
import type { Actions, PageServerLoad } from './$types'

export const load: PageServerLoad = async ({ params, url, locals }) => {
  const profile = await profileOf(params.name)
  if (!profile) error(404, 'Nobody has this name')
  return { profile, ...(await readFeed(locals.user, { author: profile.name, before: beforeOf(url) })) }
}

export const actions: Actions = { like: likeAction }
