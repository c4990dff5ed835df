import { database } from './database.ts'

export interface Topic {
  topic: string
  posts: number
}

/** The topics that most recent posts are about. */
export async function trendingTopics(limit = 6): Promise<Topic[]> {
  return database()<Topic[]>`
    select topic, count(*)::int as posts
    from post_topics
    where post_id > (select coalesce(max(id), 0) - 1000 from posts)
    group by topic
    order by count(*) desc, topic
    limit ${limit}`
}

/** Null when the word cannot be a topic. */
export function normalizeTopic(raw: string): string | null {
  const topic = raw.toLowerCase()
  return /^[a-z0-9_]{2,30}$/.test(topic) ? topic : null
}
