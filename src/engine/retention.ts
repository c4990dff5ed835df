import { pruneEvents } from '../store/events.ts'
import { setReleaseState } from '../store/releases.ts'
import { messageOf } from '../support/message-of.ts'
import type { EngineContext } from './context.ts'

const EVERY_MS = 60 * 60_000
const KEEP_EVENTS_MS = 90 * 24 * 60 * 60_000
const KEEP_WORKFLOWS_MS = 7 * 24 * 60 * 60_000
/** Artifacts kept over and above those of releases that are kept. */
const KEEP_LOOSE_ARTIFACTS = 5
const KEEP_RELEASES = 10

/** Forgets by count and by use, once an hour: a running or warm release is never pruned. */
export function startRetention(context: EngineContext): { stop(): void } {
  const timer = setInterval(() => {
    prune(context).catch((error: unknown) => context.log.warn(`retention failed: ${messageOf(error)}`))
  }, EVERY_MS)
  timer.unref()
  return { stop: () => clearInterval(timer) }
}

export async function prune(context: EngineContext): Promise<readonly string[]> {
  const now = context.clock.now().getTime()
  await pruneEvents(context.database, new Date(now - KEEP_EVENTS_MS))
  await context.workflows.prune(KEEP_WORKFLOWS_MS)
  const releases = await context.database.selectFrom('releases').selectAll().orderBy('created_at', 'desc').execute()
  const kept = new Map<string, number>()
  const inUse = new Set<string>()
  for (const release of releases) {
    const count = kept.get(release.environment) ?? 0
    const isNeeded = release.state === 'serving' || release.state === 'warm' || release.state === 'prepared'
    if (!isNeeded && count >= KEEP_RELEASES) continue
    kept.set(release.environment, count + 1)
    inUse.add(release.record.artifact)
  }
  const pruned = await context.artifacts.prune({ keep: KEEP_LOOSE_ARTIFACTS, inUse: [...inUse] })
  for (const release of releases) {
    if (pruned.includes(release.record.artifact)) await setReleaseState(context.database, release.id, 'pruned')
  }
  return pruned
}
