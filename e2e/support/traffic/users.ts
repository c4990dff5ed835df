import { setTimeout as sleep } from 'node:timers/promises'
import type { Pool } from 'undici'
import type { Client, ClientContext } from './client.ts'
import { poolFor } from './http-clients.ts'
import { pace } from './pace.ts'
import { Person } from './person.ts'
import { readStream } from './sse-client.ts'
import type { UsersClient } from './traffic.ts'

const CONNECTIONS = 32

/** People of the social application: each request is the next thing that one of them does who is not waiting just now. */
export function usersClient(spec: UsersClient): Client {
  return async (context) => {
    const pool = poolFor(context.endpoint, Math.min(CONNECTIONS, spec.count), context.timeoutMs)
    const people = Array.from({ length: spec.count }, () => new Person(context, pool))
    const free = [...people]
    const busy = new Set<Promise<void>>()
    const live = people.slice(0, spec.live ?? 0).map((person) => follow(context, person))
    await pace(context.perSecond, context.signal, () => {
      const person = free.splice(Math.floor(Math.random() * free.length), 1)[0]
      if (person === undefined) return context.recorder.skip()
      const action = person.act().finally(() => {
        busy.delete(action)
        free.push(person)
      })
      busy.add(action)
    })
    await Promise.all([...busy, ...live])
    await close(pool)
  }
}

/** One person's open feed. */
async function follow(context: ClientContext, person: Person): Promise<void> {
  const position = { lastId: null }
  while (!context.signal.aborted) {
    await readStream(
      { ...context, name: `${context.name} live` },
      { path: '/live', position, headers: { cookie: person.cookies.header } },
    )
    if (!context.signal.aborted) await sleep(50)
  }
}

async function close(pool: Pool): Promise<void> {
  await pool.close()
}
