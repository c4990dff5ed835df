import type { Pool } from 'undici'
import type { ClientContext } from './client.ts'
import { Cookies } from './cookies.ts'
import { clock } from './recorder.ts'

interface Ask {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly path: string
  readonly json?: unknown
  readonly form?: Readonly<Record<string, string>>
  /** Answers from 400 on that are no failure. */
  readonly expected?: readonly number[]
}

interface Answered {
  readonly status: number
  readonly text: string
}

const PAGE = { accept: 'text/html', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }
const texts = [
  'Good morning everyone!',
  'The bakery at the corner has new opening hours. #town',
  'Does anybody know a good book about rivers? #books',
  'Rain again. At least the garden likes it. #weather',
  'First tomatoes of the year! #garden',
  'Our team won after all. #football',
  'Looking for somebody to play chess with on Sundays. #chess',
]

/** What a person does next, with a weight. Reading is common, writing is rare, as everywhere. */
const habits: readonly (readonly [number, (person: Person) => Promise<void>])[] = [
  [34, (person) => person.readFeed()],
  [12, (person) => person.pollFeed()],
  [8, (person) => person.readOlder()],
  [14, (person) => person.readPost()],
  [6, (person) => person.readProfile()],
  [10, (person) => person.loadAsset()],
  [5, (person) => person.post()],
  [3, (person) => person.postByForm()],
  [4, (person) => person.comment()],
  [4, (person) => person.like()],
]
const sum = habits.reduce((total, [weight]) => total + weight, 0)

export class Person {
  readonly cookies = new Cookies()
  readonly #context: ClientContext
  readonly #pool: Pool
  #name: string | null = null
  #posts: readonly number[] = []
  #assets: readonly string[] = []
  #older: number | null = null

  constructor(context: ClientContext, pool: Pool) {
    this.#context = context
    this.#pool = pool
  }

  /** Never throws: what went wrong is counted. */
  async act(): Promise<void> {
    if (this.#name === null) return this.signUp()
    let dice = Math.random() * sum
    for (const [weight, habit] of habits) {
      dice -= weight
      if (dice < 0) return habit(this)
    }
  }

  async signUp(): Promise<void> {
    const name = `p${Math.random().toString(36).slice(2, 12)}`
    const answer = await this.#ask({ method: 'POST', path: '/api/users', json: { name }, expected: [409] })
    if (answer?.status === 201) this.#name = name
  }

  async readFeed(): Promise<void> {
    const answer = await this.#ask({ path: '/' })
    if (answer?.status !== 200) return
    const assets = answer.text.match(/\/_app\/immutable\/[\w./-]+/g)
    if (assets !== null) this.#assets = [...new Set(assets)]
    this.#remember([...answer.text.matchAll(/href="\/p\/(\d+)"/g)].map((match) => Number(match[1])))
  }

  /** What the live page does after a signal. */
  async pollFeed(): Promise<void> {
    this.#takeFeed(await this.#ask({ path: '/api/posts' }))
  }

  async readOlder(): Promise<void> {
    this.#takeFeed(await this.#ask({ path: this.#older === null ? '/api/posts' : `/api/posts?before=${this.#older}` }))
  }

  async readPost(): Promise<void> {
    const post = this.#somePost()
    await (post === null ? this.readFeed() : this.#ask({ path: `/p/${post}` }))
  }

  async readProfile(): Promise<void> {
    await this.#ask({ path: `/u/${this.#name}` })
  }

  async loadAsset(): Promise<void> {
    const asset = this.#assets[Math.floor(Math.random() * this.#assets.length)]
    await (asset === undefined ? this.readFeed() : this.#ask({ path: asset }))
  }

  async post(): Promise<void> {
    await this.#ask({ method: 'POST', path: '/api/posts', json: { body: something() } })
  }

  async postByForm(): Promise<void> {
    await this.#ask({ method: 'POST', path: '/?/post', form: { body: something() } })
  }

  async comment(): Promise<void> {
    const post = this.#somePost()
    if (post === null) return this.pollFeed()
    await this.#ask({ method: 'POST', path: `/api/posts/${post}/comments`, json: { body: something() } })
  }

  async like(): Promise<void> {
    const post = this.#somePost()
    if (post === null) return this.pollFeed()
    await this.#ask({ method: 'PUT', path: `/api/posts/${post}/like`, json: {} })
  }

  #takeFeed(answer: Answered | null): void {
    if (answer?.status !== 200) return
    const feed = JSON.parse(answer.text) as { posts: { id: number }[]; next: number | null }
    this.#remember(feed.posts.map((post) => post.id))
    this.#older = feed.next
  }

  #remember(posts: readonly number[]): void {
    if (posts.length > 0) this.#posts = posts
  }

  #somePost(): number | null {
    return this.#posts[Math.floor(Math.random() * this.#posts.length)] ?? null
  }

  async #ask({ method = 'GET', path, json, form, expected }: Ask): Promise<Answered | null> {
    const { recorder, endpoint, headers, name: client } = this.#context
    const begunAt = clock()
    const page = !path.startsWith('/api/') && !path.startsWith('/_app/')
    const request = `${method} ${path}`
    const scheme = endpoint.secure ? 'https' : 'http'
    try {
      const answer = await this.#pool.request({
        method,
        path,
        headers: {
          ...headers,
          ...(page ? PAGE : { accept: '*/*' }),
          host: endpoint.host,
          cookie: this.cookies.header,
          ...(json === undefined ? {} : { 'content-type': 'application/json' }),
          ...(form === undefined
            ? {}
            : { 'content-type': 'application/x-www-form-urlencoded', origin: `${scheme}://${endpoint.host}` }),
        },
        body:
          json !== undefined ? JSON.stringify(json) : form !== undefined ? new URLSearchParams(form).toString() : null,
      })
      const text = await answer.body.text()
      this.cookies.take(answer.headers['set-cookie'])
      // Files of earlier releases stay served: they say nothing about which release serves now.
      const seen = path.startsWith('/_app/') ? {} : answer.headers
      recorder.answered({ client, request, begunAt, status: answer.statusCode, headers: seen }, expected)
      return { status: answer.statusCode, text }
    } catch (error) {
      recorder.missed({ client, request, begunAt, error })
      return null
    }
  }
}

function something(): string {
  return texts[Math.floor(Math.random() * texts.length)] ?? 'Hello!'
}
