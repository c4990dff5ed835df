import { fail, redirect } from '@sveltejs/kit'
import { setSessionCookie } from '#lib/server/session-cookie.ts'
import { normalizeName, signUp, startSession } from '#lib/server/users.ts'
import type { Actions, PageServerLoad } from './$types'

export const load: PageServerLoad = ({ locals, url }) => {
  if (locals.user) redirect(303, goal(url))
}

export const actions: Actions = {
  default: async ({ request, cookies, url }) => {
    const raw = (await request.formData()).get('name')
    const typed = typeof raw === 'string' ? raw : ''
    const name = normalizeName(raw)
    if (!name) return fail(422, { name: typed, problem: 'A name has 2 to 24 letters, digits or underscores.' })
    const user = await signUp(name)
    if (!user) return fail(409, { name: typed, problem: 'Somebody has this name already.' })
    setSessionCookie(cookies, await startSession(user), url)
    redirect(303, goal(url))
  },
}

/** Only places of our own: `//elsewhere` is another host. */
function goal(url: URL): string {
  const to = url.searchParams.get('to') ?? '/'
  return /^\/(?![/\\])/.test(to) ? to : '/'
}
