import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { request } from 'node:http'
import { after, before, test } from 'node:test'
import { createDatabase, startBuiltApp, type BuiltApp, type TestDatabase } from './support.ts'

let testDatabase: TestDatabase
let app: BuiltApp

before(async () => {
  execFileSync('npm', ['run', 'build'], { cwd: new URL('..', import.meta.url), stdio: 'pipe' })
  testDatabase = await createDatabase()
  app = await startBuiltApp(testDatabase.url)
})
after(async () => {
  await app?.stop()
  await testDatabase?.remove()
})

/** One browser: keeps its cookies, comes through an edge that speaks HTTP as `social.localhost`. */
class Browser {
  readonly cookies = new Map<string, string>()

  async fetch(path: string, { method = 'GET', json, form, headers = {} }: Call = {}): Promise<Response> {
    const answer = await fetch(app.url + path, {
      method,
      redirect: 'manual',
      headers: {
        'x-forwarded-proto': 'http',
        'x-forwarded-host': 'social.localhost',
        cookie: [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; '),
        ...(json === undefined ? {} : { 'content-type': 'application/json' }),
        ...(form === undefined ? {} : { origin: 'http://social.localhost', accept: 'text/html' }),
        ...headers,
      },
      body: json === undefined ? (form && new URLSearchParams(form)) : JSON.stringify(json),
    })
    for (const cookie of answer.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? []
      if (value) this.cookies.set(name, value)
      else this.cookies.delete(name)
    }
    return answer
  }
}

interface Call {
  method?: string
  json?: unknown
  form?: Record<string, string>
  headers?: Record<string, string>
}

async function member(name: string): Promise<Browser> {
  const browser = new Browser()
  const answer = await browser.fetch('/api/users', { method: 'POST', json: { name } })
  assert.equal(answer.status, 201)
  return browser
}

test('a person without scripts signs up, posts, and sees the post', async () => {
  const browser = new Browser()
  const join = await browser.fetch('/login', { method: 'POST', form: { name: 'linus' } })
  assert.equal(join.status, 303)
  assert.match(join.headers.get('set-cookie') ?? '', /HttpOnly; SameSite=Lax/)
  const post = await browser.fetch('/?/post', { method: 'POST', form: { body: 'Hello <b>world</b>' } })
  assert.equal(post.status, 303)
  const html = await (await browser.fetch('/')).text()
  assert.match(html, /Hello &lt;b>world&lt;\/b>/)
  assert.match(html, /href="\/u\/linus"/)
})

test('a form from another site is refused', async () => {
  const browser = await member('margaret')
  const answer = await browser.fetch('/?/post', {
    method: 'POST',
    form: { body: 'forged' },
    headers: { origin: 'http://evil.example' },
  })
  assert.equal(answer.status, 403)
})

test('the API does what the pages do, and says no with the right status', async () => {
  const ada = await member('ada')
  const bob = await member('bob')
  const created = await ada.fetch('/api/posts', { method: 'POST', json: { body: 'by the API' } })
  assert.equal(created.status, 201)
  const { id } = (await created.json()) as { id: number }
  const liked = await bob.fetch(`/api/posts/${id}/like`, { method: 'PUT', json: {} })
  assert.deepEqual(await liked.json(), { likes: 1 })
  assert.equal((await bob.fetch(`/api/posts/${id}/comments`, { method: 'POST', json: { body: 'nice' } })).status, 201)
  const read = (await (await bob.fetch(`/api/posts/${id}`)).json()) as Record<string, unknown>
  assert.equal(read['author'], 'ada')
  assert.equal(read['likedByMe'], true)
  assert.equal((read['comments'] as unknown[]).length, 1)
  assert.deepEqual(await (await bob.fetch(`/api/posts/${id}/like`, { method: 'DELETE', json: {} })).json(), { likes: 0 })
  assert.equal(((await (await ada.fetch('/api/me')).json()) as { name: string }).name, 'ada')
  assert.equal(((await (await ada.fetch('/api/users/ada')).json()) as { posts: number }).posts, 1)

  const stranger = new Browser()
  const statuses: [number, string, Call?][] = [
    [401, '/api/me'],
    [401, '/api/posts', { method: 'POST', json: { body: 'x' } }],
    [409, '/api/users', { method: 'POST', json: { name: 'ada' } }],
    [422, '/api/users', { method: 'POST', json: { name: '!' } }],
    [400, '/api/users', { method: 'POST', json: [] }],
    [404, '/api/posts/999999'],
    [404, '/api/posts/abc'],
    [404, '/api/users/nobody_at_all'],
    [404, '/nowhere'],
  ]
  for (const [status, path, call] of statuses) assert.equal((await stranger.fetch(path, call)).status, status, path)
  assert.equal((await bob.fetch(`/api/posts/${id}`, { method: 'DELETE', json: {} })).status, 404)
  assert.equal((await ada.fetch(`/api/posts/${id}`, { method: 'DELETE', json: {} })).status, 204)
})

test('immutable assets are served for ever', async () => {
  const html = await (await new Browser().fetch('/')).text()
  const [asset = ''] = /_app\/immutable\/[\w./-]+\.css/.exec(html) ?? []
  const answer = await fetch(`${app.url}/${asset}`)
  assert.equal(answer.status, 200)
  assert.match(answer.headers.get('cache-control') ?? '', /immutable/)
})

test('health says yes', async () => {
  assert.deepEqual(await (await fetch(`${app.url}/health`)).json(), { status: 'ok' })
})

test('an unknown page is a page', async () => {
  const answer = await new Browser().fetch('/p/12345', { headers: { accept: 'text/html' } })
  assert.equal(answer.status, 404)
  assert.match(await answer.text(), /There is nothing here/)
})

test('told to stop, it ends open streams cleanly and exits by itself', { timeout: 30_000 }, async () => {
  const own = await startBuiltApp(testDatabase.url)
  const ended = new Promise<boolean>((resolve, reject) => {
    request(`${own.url}/live?after=0`, (answer) => {
      answer.resume()
      answer.once('data', () => own.process.kill('SIGTERM'))
      answer.on('end', () => resolve(answer.complete))
      answer.on('error', reject)
    })
      .on('error', reject)
      .end()
  })
  assert.equal(await ended, true)
  assert.equal(await own.stop(), 0, own.output())
})
