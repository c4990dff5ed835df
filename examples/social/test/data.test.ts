import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { closeDatabase, database, databaseAnswers } from '#lib/server/database.ts'
import { loadAside } from '#lib/server/aside.ts'
import { liveStream } from '#lib/server/live.ts'
import * as posts from '#lib/server/posts.ts'
import * as users from '#lib/server/users.ts'
import { migrate } from '../src/migrate.ts'
import { createDatabase, type TestDatabase } from './support.ts'

let testDatabase: TestDatabase
let ada: users.User
let bob: users.User

before(async () => {
  testDatabase = await createDatabase()
  ada = await join('ada')
  bob = await join('bob')
})
after(async () => {
  await closeDatabase()
  await testDatabase.remove()
})

async function join(name: string): Promise<users.User> {
  const user = await users.signUp(name)
  assert.ok(user)
  return user
}

test('migrating again changes nothing, also when two do it at once', async () => {
  assert.deepEqual(await Promise.all([migrate(testDatabase.url), migrate(testDatabase.url)]), [0, 0])
})

test('a name is given once', async () => {
  assert.equal(await users.signUp('ada'), null)
  assert.equal(users.normalizeName('  Ada_1 '), 'ada_1')
  for (const bad of ['a', 'a b', 'ä'.repeat(3), 'x'.repeat(25), 7, null]) assert.equal(users.normalizeName(bad), null)
})

test('a session leads back to its user until it ends', async () => {
  const token = await users.startSession(ada)
  assert.deepEqual(await users.userOfSession(token), ada)
  assert.equal(await users.userOfSession(`${token}x`), null)
  await users.endSession(token)
  assert.equal(await users.userOfSession(token), null)
})

test('the database keeps no session token in clear', async () => {
  const token = await users.startSession(ada)
  const rows = await database()`select * from sessions`
  assert.ok(!JSON.stringify(rows).includes(token))
})

test('the feed is newest first and every post is on exactly one page', async () => {
  for (let n = 1; n <= 45; n++) await posts.writePost(n % 2 ? ada : bob, `post ${n}`)
  const seen: string[] = []
  let before: number | null = null
  let pages = 0
  do {
    const page: posts.FeedPage = await posts.readFeed(null, { before })
    seen.push(...page.posts.map((post) => post.body))
    before = page.next
    pages++
  } while (before !== null)
  assert.equal(pages, 3)
  assert.deepEqual(seen, Array.from({ length: 45 }, (_, n) => `post ${45 - n}`))
  const own = await posts.readFeed(null, { author: 'bob', limit: 50 })
  assert.equal(own.posts.length, 22)
})

test('a like counts once, is seen by its giver, and can be taken back', async () => {
  const { id } = await posts.writePost(ada, 'like me')
  assert.deepEqual(await posts.setLike(bob, id, true), { likes: 1 })
  assert.deepEqual(await posts.setLike(bob, id, true), { likes: 1 })
  assert.equal((await posts.readPost(id, bob))?.likedByMe, true)
  assert.equal((await posts.readPost(id, ada))?.likedByMe, false)
  assert.deepEqual(await posts.setLike(bob, id, false), { likes: 0 })
  assert.equal(await posts.setLike(bob, 999_999, true), null)
})

test('comments belong to a post that exists and go with it', async () => {
  const { id } = await posts.writePost(ada, 'discuss')
  assert.ok(await posts.writeComment(bob, id, 'first'))
  assert.ok(await posts.writeComment(ada, id, 'second'))
  assert.deepEqual((await posts.readComments(id)).map(({ author, body }) => [author, body]), [
    ['bob', 'first'],
    ['ada', 'second'],
  ])
  assert.equal((await posts.readPost(id, null))?.comments, 2)
  assert.equal(await posts.removePost(bob, id), false)
  assert.equal(await posts.removePost(ada, id), true)
  assert.equal((await posts.readComments(id)).length, 0)
  assert.equal(await posts.writeComment(bob, id, 'too late'), null)
})

test('a profile counts posts and likes received', async () => {
  const cleo = await join('cleo')
  const { id } = await posts.writePost(cleo, 'hello')
  await posts.setLike(ada, id, true)
  await posts.setLike(bob, id, true)
  const profile = await users.profileOf('cleo')
  assert.equal(profile?.posts, 1)
  assert.equal(profile?.likesReceived, 2)
  assert.equal(await users.profileOf('nobody_here'), null)
})

test('what stands beside the feed can be loaded', async () => {
  assert.ok(await loadAside())
})

test('a text has 1 to 500 characters', () => {
  assert.equal(posts.cleanBody('  hi '), 'hi')
  assert.equal(posts.cleanBody('   '), null)
  assert.equal(posts.cleanBody('x'.repeat(501)), null)
  assert.equal(posts.cleanBody(null), null)
})

test('SQL in a text stays text', async () => {
  const evil = `'); drop table posts; --`
  const { id } = await posts.writePost(ada, evil)
  assert.equal((await posts.readPost(id, null))?.body, evil)
})

test('the live stream gives what was missed and then what comes', { timeout: 20_000 }, async () => {
  const missed = await posts.writePost(ada, 'missed')
  const reader = (await liveStream(missed.id - 1)).getReader()
  const read = async (wanted: string) => {
    let text = ''
    while (!text.includes(wanted)) {
      const { value, done } = await reader.read()
      assert.equal(done, false)
      text += new TextDecoder().decode(value)
    }
    return text
  }
  assert.match(await read('"missed"'), new RegExp(`id: ${missed.id}\nevent: post`))
  const fresh = await posts.writePost(bob, 'fresh from the press')
  assert.match(await read('fresh from the press'), new RegExp(`id: ${fresh.id}\n`))
  await reader.cancel()
})

test('a database that answers is seen as such', async () => {
  assert.equal(await databaseAnswers(2000), true)
})
