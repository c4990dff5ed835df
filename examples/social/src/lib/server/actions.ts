import { fail, redirect } from '@sveltejs/kit'
import type { RequestEvent } from '@sveltejs/kit'
import { cleanBody, setLike } from './posts.ts'
import type { User } from './users.ts'

/** The signed-in user; everyone else is sent to sign up and comes back. */
export function userOrSignUp({ locals, url }: Pick<RequestEvent, 'locals' | 'url'>): User {
  return locals.user ?? redirect(303, `/login?to=${encodeURIComponent(url.pathname)}`)
}

/** The text of a form, or what to show beside it. */
export async function bodyOf(request: Request, what: string) {
  const raw = (await request.formData()).get('body')
  const body = cleanBody(raw)
  if (body) return { body, problem: null }
  return {
    body: null,
    problem: fail(422, { body: typeof raw === 'string' ? raw : '', problem: `A ${what} has 1 to 500 characters.` }),
  }
}

/** Form action of every heart button. */
export async function likeAction(event: RequestEvent) {
  const user = userOrSignUp(event)
  const form = await event.request.formData()
  const post = Number(form.get('post'))
  if (!Number.isInteger(post) || !(await setLike(user, post, form.get('liked') === 'true'))) {
    return fail(404, { problem: 'This post is gone.' })
  }
  return { liked: post }
}
