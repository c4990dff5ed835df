import { error } from '@sveltejs/kit'
import type { User } from './users.ts'

/** The signed-in user, or 401. */
export function requireUser(locals: App.Locals): User {
  return locals.user ?? error(401, 'Sign up or sign in first')
}

/** A positive whole number, or 404: nothing has such an id. */
export function requireId(raw: string): number {
  const id = /^[1-9]\d{0,8}$/.test(raw) ? Number(raw) : null
  return id ?? error(404, 'Not found')
}

/** The JSON object that was sent, or 400. */
export async function readJson(request: Request): Promise<Record<string, unknown>> {
  const value: unknown = await request.json().catch(() => null)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) error(400, 'Send a JSON object')
  return value as Record<string, unknown>
}

/** `?before=<post id>`; anything else means the first page. */
export function beforeOf(url: URL): number | null {
  const raw = url.searchParams.get('before') ?? ''
  return /^[1-9]\d{0,8}$/.test(raw) ? Number(raw) : null
}
