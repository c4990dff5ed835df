import { database } from './database.ts'

/** What stands beside the feed. */
export interface Aside {
  people: number
  posts: number
}

export async function loadAside(): Promise<Aside> {
  const [counts] = await database()<Aside[]>`
    select (select count(*)::int from users) as people, (select count(*)::int from posts) as posts`
  return counts ?? { people: 0, posts: 0 }
}
