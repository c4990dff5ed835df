import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { isActionFailure, isHttpError, isRedirect } from '@sveltejs/kit'
import { closeDatabase } from '#lib/server/database.ts'
import * as posts from '#lib/server/posts.ts'
import { signUp, userOfSession, type User } from '#lib/server/users.ts'
import * as login from '../src/routes/login/+page.server.ts'
import * as feed from '../src/routes/+page.server.ts'
import * as single from '../src/routes/p/[id]/+page.server.ts'
import { createDatabase, type TestDatabase } from './support.ts'

let testDatabase: TestDatabase
let ada: User

before(async () => {
  testDatabase = await createDatabase()
  const user = await signUp('ada')
  assert.ok(user)
  ada = user
})
after(async () => {
  await closeDatabase()
  await testDatabase.remove()
})

/** As much of an event as the actions use. */
function formEvent(form: Record<string, string>, { user = null as User | null, path = '/', params = {} } = {}) {
  const url = new URL(path, 'http://social.localhost')
  const jar = new Map<string, string>()
  return {
    url,
    params,
    locals: { user },
    request: new Request(url, { method: 'POST', body: new URLSearchParams(form) }),
    cookies: { set: (name: string, value: string) => void jar.set(name, value), jar },
  }
}

type Action = (event: never) => unknown

/** The outcome of an action, thrown or returned. */
async function outcomeOf(action: Action | undefined, event: unknown): Promise<unknown> {
  try {
    return await action?.(event as never)
  } catch (thrown) {
    if (isRedirect(thrown) || isHttpError(thrown)) return thrown
    throw thrown
  }
}

test('signing up sets a session and leads to where one came from', async () => {
  const event = formEvent({ name: 'Grace' }, { path: '/login?to=/p/1' })
  const outcome = await outcomeOf(login.actions['default'], event)
  assert.ok(isRedirect(outcome))
  assert.equal(outcome.location, '/p/1')
  assert.equal((await userOfSession(event.cookies.jar.get('session') ?? ''))?.name, 'grace')
})

test('signing up never leads to another site', async () => {
  for (const [n, to] of ['//evil.example', '/\\evil.example', 'https://evil.example'].entries()) {
    const outcome = await outcomeOf(login.actions['default'], formEvent({ name: `visitor${n}` }, { path: `/login?to=${to}` }))
    assert.ok(isRedirect(outcome))
    assert.equal(outcome.location, '/')
  }
})

test('a bad or taken name is given back with the reason', async () => {
  const bad = await outcomeOf(login.actions['default'], formEvent({ name: 'a b' }))
  assert.ok(isActionFailure(bad))
  assert.equal(bad.status, 422)
  const taken = await outcomeOf(login.actions['default'], formEvent({ name: 'ADA' }))
  assert.ok(isActionFailure(taken))
  assert.equal(taken.status, 409)
})

test('who is not signed in is sent to sign up', async () => {
  const outcome = await outcomeOf(feed.actions['post'], formEvent({ body: 'hi' }))
  assert.ok(isRedirect(outcome))
  assert.equal(outcome.location, '/login?to=%2F')
})

test('posting writes and reloads; too long a text comes back', async () => {
  const outcome = await outcomeOf(feed.actions['post'], formEvent({ body: 'from a form' }, { user: ada }))
  assert.ok(isRedirect(outcome))
  assert.equal((await posts.readFeed(null)).posts[0]?.body, 'from a form')
  const long = 'x'.repeat(501)
  const refused = await outcomeOf(feed.actions['post'], formEvent({ body: long }, { user: ada }))
  assert.ok(isActionFailure(refused))
  assert.equal((refused.data as unknown as { body: string }).body, long)
})

test('liking, commenting and deleting from the page of a post', async () => {
  const { id } = await posts.writePost(ada, 'page')
  const on = (form: Record<string, string>) =>
    formEvent(form, { user: ada, path: `/p/${id}`, params: { id: String(id) } })
  await outcomeOf(single.actions['like'], on({ post: String(id), liked: 'true' }))
  assert.equal((await posts.readPost(id, ada))?.likedByMe, true)
  await outcomeOf(single.actions['comment'], on({ body: 'well said' }))
  assert.equal((await posts.readComments(id))[0]?.body, 'well said')
  assert.ok(isRedirect(await outcomeOf(single.actions['remove'], on({}))))
  assert.equal(await posts.readPost(id, null), null)
  const gone = await outcomeOf(single.actions['remove'], on({}))
  assert.ok(isHttpError(gone))
  assert.equal(gone.status, 404)
})
