import { createHash, randomBytes } from 'node:crypto'
import { database } from './database.ts'

export interface User {
  id: number
  name: string
}

export interface Profile extends User {
  joinedAt: Date
  posts: number
  likesReceived: number
}

export const SESSION_SECONDS = 30 * 24 * 60 * 60

/** Null when the name is not allowed. Names are lower case. */
export function normalizeName(raw: unknown): string | null {
  const name = typeof raw === 'string' ? raw.trim().toLowerCase() : ''
  return /^[a-z0-9_]{2,24}$/.test(name) ? name : null
}

/** Null when somebody else has the name. */
export async function signUp(name: string): Promise<User | null> {
  const [user] = await database()<User[]>`
    insert into users (name) values (${name})
    on conflict (name) do nothing
    returning id, name`
  return user ?? null
}

/** The token goes to the browser; only its hash is stored. */
export async function startSession(user: User): Promise<string> {
  const token = randomBytes(24).toString('base64url')
  await database()`
    insert into sessions (token_hash, user_id, expires_at)
    values (${hashOf(token)}, ${user.id}, now() + make_interval(secs => ${SESSION_SECONDS}))`
  return token
}

export async function userOfSession(token: string): Promise<User | null> {
  const [user] = await database()<User[]>`
    select users.id, users.name from sessions join users on users.id = sessions.user_id
    where sessions.token_hash = ${hashOf(token)} and sessions.expires_at > now()`
  return user ?? null
}

export async function endSession(token: string): Promise<void> {
  await database()`delete from sessions where token_hash = ${hashOf(token)}`
}

export async function profileOf(name: string): Promise<Profile | null> {
  const [profile] = await database()<Profile[]>`
    select id, name, joined_at as "joinedAt",
      (select count(*)::int from posts where author_id = users.id) as posts,
      (select count(*)::int from likes join posts on posts.id = likes.post_id where posts.author_id = users.id)
        as "likesReceived"
    from users where name = ${name}`
  return profile ?? null
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
