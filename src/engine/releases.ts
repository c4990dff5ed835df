import { SluiceError } from '../model/error.ts'
import { shownRelease } from '../secrets/shown.ts'
import { findRelease, listReleases, type ReleaseRow } from '../store/releases.ts'
import type { EngineContext } from './context.ts'
import type { Release, Releases } from './engine.ts'

export function releasesOf(context: EngineContext): Releases {
  return {
    list: async (query) => {
      const rows = await listReleases(context.database, {
        limit: query.limit + 1,
        ...(query.environment === undefined ? {} : { environment: query.environment }),
        ...(query.cursor === undefined ? {} : { before: Number(query.cursor) }),
      })
      const items = rows.slice(0, query.limit).map(view)
      const last = items.at(-1)
      return { items, nextCursor: rows.length > query.limit && last !== undefined ? last.record.id.slice(1) : null }
    },
    get: async (release) => {
      const row = await findRelease(context.database, release)
      if (row === undefined) {
        throw new SluiceError('RELEASE_UNKNOWN', `there is no release ${release}`, {
          hint: 'see `sluice releases list`',
        })
      }
      return view(row)
    },
  }
}

/** As readers see it: what serves has the whole record. */
function view(row: ReleaseRow): Release {
  return { record: shownRelease(row.record), state: row.state, deployment: row.deployment }
}
