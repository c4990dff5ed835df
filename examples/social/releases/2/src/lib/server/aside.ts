import { database } from './database.ts'
import { trendingTopics, type Topic } from './topics.ts'

/** What stands beside the feed. */
export interface Aside {
  people: number
  posts: number
  topics: Topic[]
}

export async function loadAside(): Promise<Aside> {
  const [[counts], topics] = await Promise.all([
    database()<Pick<Aside, 'people' | 'posts'>[]>`
      select (select count(*)::int from users) as people, (select count(*)::int from posts) as posts`,
    trendingTopics(),
  ])
  return { people: 0, posts: 0, ...counts, topics }
}
