import type { Handle, HandleServerError } from '@sveltejs/kit/hooks'
import { watchSignals } from '#lib/server/lifecycle.ts'
import { SESSION_COOKIE } from '#lib/server/session-cookie.ts'
import { userOfSession } from '#lib/server/users.ts'

export function init(): void {
  watchSignals()
}

export const handle: Handle = async ({ event, resolve }) => {
  const token = event.cookies.get(SESSION_COOKIE)
  event.locals.user = token ? await userOfSession(token) : null
  return resolve(event)
}

export const handleError: HandleServerError = ({ kind, error, event }) => {
  if (kind !== 'unknown') return
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  console.error(JSON.stringify({ level: 'error', method: event.request.method, path: event.url.pathname, error: text }))
}
