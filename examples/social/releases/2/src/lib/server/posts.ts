import { database } from './database.ts'
import type { User } from './users.ts'

export interface Post {
  id: number
  author: string
  body: string
  createdAt: Date
  likes: number
  comments: number
  likedByMe: boolean
}

export interface Comment {
  id: number
  author: string
  body: string
  createdAt: Date
}

export interface FeedPage {
  posts: Post[]
  /** Pass as `before` to get the next page; null at the end. */
  next: number | null
}

const PAGE = 20
const MAX_LENGTH = 500

/** Null when there is nothing to say, or too much. */
export function cleanBody(raw: unknown): string | null {
  const body = typeof raw === 'string' ? raw.trim() : ''
  return body.length >= 1 && body.length <= MAX_LENGTH ? body : null
}

/** Newest first. */
export async function readFeed(
  viewer: User | null,
  { before, author, topic, limit = PAGE }: {
    before?: number | null
    author?: string
    topic?: string
    limit?: number
  } = {},
): Promise<FeedPage> {
  const sql = database()
  const posts = await sql<Post[]>`
    ${columns(viewer)}
    where true
      ${before ? sql`and posts.id < ${before}` : sql``}
      ${author ? sql`and users.name = ${author}` : sql``}
      ${topic ? sql`and posts.id in (select post_id from post_topics where topic = ${topic})` : sql``}
    order by posts.id desc
    limit ${limit + 1}`
  const page = posts.slice(0, limit)
  return { posts: page, next: posts.length > limit ? (page.at(-1)?.id ?? null) : null }
}

/** Posts that came after one that the reader has seen, oldest first. */
export async function postsAfter(id: number, limit = 50): Promise<Post[]> {
  return database()<Post[]>`${columns(null)} where posts.id > ${id} order by posts.id limit ${limit}`
}

export async function readPost(id: number, viewer: User | null): Promise<Post | null> {
  const [post] = await database()<Post[]>`${columns(viewer)} where posts.id = ${id}`
  return post ?? null
}

export async function writePost(author: User, body: string): Promise<{ id: number }> {
  const [row] = await database()<{ id: number }[]>`
    insert into posts (author_id, body) values (${author.id}, ${body}) returning id`
  if (!row) throw new Error('the post was not stored')
  return row
}

/** Only the author's own. */
export async function removePost(author: User, id: number): Promise<boolean> {
  const result = await database()`delete from posts where id = ${id} and author_id = ${author.id}`
  return result.count > 0
}

export async function readComments(post: number): Promise<Comment[]> {
  return database()<Comment[]>`
    select comments.id, users.name as author, comments.body, comments.created_at as "createdAt"
    from comments join users on users.id = comments.author_id
    where comments.post_id = ${post}
    order by comments.id
    limit 200`
}

/** Null when the post is gone. */
export async function writeComment(author: User, post: number, body: string): Promise<{ id: number } | null> {
  const [row] = await database()<{ id: number }[]>`
    insert into comments (post_id, author_id, body)
    select id, ${author.id}, ${body} from posts where id = ${post}
    returning id`
  return row ?? null
}

/** Set-to: liking twice is liking once. Null when the post is gone. */
export async function setLike(user: User, post: number, liked: boolean): Promise<{ likes: number } | null> {
  const sql = database()
  const [found] = await sql`select 1 from posts where id = ${post}`
  if (!found) return null
  if (liked) {
    await sql`insert into likes (post_id, user_id) values (${post}, ${user.id}) on conflict do nothing`
  } else {
    await sql`delete from likes where post_id = ${post} and user_id = ${user.id}`
  }
  const [row] = await sql<{ likes: number }[]>`select count(*)::int as likes from likes where post_id = ${post}`
  return { likes: row?.likes ?? 0 }
}

function columns(viewer: User | null) {
  const sql = database()
  return sql`
    select posts.id, users.name as author, posts.body, posts.created_at as "createdAt",
      (select count(*)::int from likes where likes.post_id = posts.id) as likes,
      (select count(*)::int from comments where comments.post_id = posts.id) as comments,
      ${viewer ? sql`exists (select 1 from likes where likes.post_id = posts.id and likes.user_id = ${viewer.id})` : sql`false`}
        as "likedByMe"
    from posts join users on users.id = posts.author_id`
}
