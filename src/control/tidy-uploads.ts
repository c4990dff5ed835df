import type { Uploads } from '../sources/uploads.ts'
import { listUnfinished } from '../store/activities.ts'
import type { Database } from '../store/database.ts'
import type { Log } from '../support/log.ts'
import { messageOf } from '../support/message-of.ts'

const TIDY_MS = 60 * 60 * 1000

/** Removes uploads that nobody needs, now and every hour; what is being deployed is needed. */
export function tidyUploads(uploads: Uploads, database: Database, log: Log): NodeJS.Timeout {
  const tidy = async () => {
    const requests = (await listUnfinished(database)).map(({ request }) => request as { request?: { source?: Used } })
    const used = requests.flatMap(({ request }) => [request?.source?.upload, request?.source?.artifact])
    await uploads.prune(new Set(used.filter((id) => id !== undefined)))
  }
  const tidyOrTell = () => void tidy().catch((error: unknown) => log.warn(`uploads stay: ${messageOf(error)}`))
  tidyOrTell()
  return setInterval(tidyOrTell, TIDY_MS).unref()
}

interface Used {
  readonly upload?: string
  readonly artifact?: string
}
