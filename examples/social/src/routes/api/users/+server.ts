import { error, json } from '@sveltejs/kit'
import { readJson } from '#lib/server/api.ts'
import { setSessionCookie } from '#lib/server/session-cookie.ts'
import { normalizeName, signUp, startSession } from '#lib/server/users.ts'
import type { RequestHandler } from './$types'

export const POST: RequestHandler = async ({ request, cookies, url }) => {
  const name = normalizeName((await readJson(request))['name'])
  if (!name) error(422, 'A name has 2 to 24 letters, digits or underscores')
  const user = await signUp(name)
  if (!user) error(409, 'This name is taken')
  setSessionCookie(cookies, await startSession(user), url)
  return json(user, { status: 201 })
}
