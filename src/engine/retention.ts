import { pruneEvents } from '../store/events.ts'
import { pruneEvidence } from '../store/judge-states.ts'
import { listReleasesWithUse, type ReleaseWithUse, setReleaseState } from '../store/releases.ts'
import { pruneSampleMinutes } from '../store/sample-minutes.ts'
import { messageOf } from '../support/message-of.ts'
import type { EngineContext } from './context.ts'

const EVERY_MS = 60 * 60_000
/** Events, and what judgements rested on. */
const KEEP_EVENTS_MS = 90 * 24 * 60 * 60_000
const KEEP_WORKFLOWS_MS = 7 * 24 * 60 * 60_000
/** What happened to requests, by the minute: a row per service, release and minute with traffic. */
const KEEP_SAMPLE_MINUTES_MS = 30 * 24 * 60 * 60_000
/** Artifacts kept over and above those of releases that are kept. */
const KEEP_LOOSE_ARTIFACTS = 5
/** Where the newest record says nothing. */
const KEEP_RELEASES = 10

type Context = Pick<EngineContext, 'artifacts' | 'clock' | 'database' | 'log' | 'workflows'> & {
  readonly targets: Pick<EngineContext['targets'], 'of'>
}

/** Forgets by count and by use, once an hour. */
export function startRetention(context: EngineContext): { stop(): void } {
  const timer = setInterval(() => {
    prune(context).catch((error: unknown) => context.log.warn(`retention failed: ${messageOf(error)}`))
  }, EVERY_MS)
  timer.unref()
  return { stop: () => clearInterval(timer) }
}

/** Removes what nobody can need any more; answers with the ids of the artifacts that went. */
export async function prune(context: Context): Promise<readonly string[]> {
  const now = context.clock.now().getTime()
  await pruneEvents(context.database, new Date(now - KEEP_EVENTS_MS))
  await pruneEvidence(context.database, new Date(now - KEEP_EVENTS_MS))
  await pruneSampleMinutes(context.database, new Date(now - KEEP_SAMPLE_MINUTES_MS))
  await context.workflows.prune(KEEP_WORKFLOWS_MS)
  const releases = await listReleasesWithUse(context.database)
  const inUse = new Set<string>()
  for (const [environment, own] of Map.groupBy(releases, ({ environment }) => environment)) {
    for (const { record } of neededReleases(own, await runningReleases(context, environment, own))) {
      inUse.add(record.artifact)
    }
  }
  const pruned = await context.artifacts.prune({ keep: KEEP_LOOSE_ARTIFACTS, inUse: [...inUse] })
  for (const { id, record } of releases) {
    if (pruned.includes(record.artifact)) await setReleaseState(context.database, id, 'pruned')
  }
  return pruned
}

/** A place that does not answer keeps all of its own, and stops nobody else's pruning. */
async function runningReleases(
  context: Context,
  environment: string,
  own: readonly ReleaseWithUse[],
): Promise<ReadonlySet<string>> {
  try {
    const { fleets } = await context.targets.of(environment).fleets.inspect()
    return new Set(fleets.map(({ release }) => release))
  } catch (error) {
    context.log.warn(`${environment} keeps all its releases: ${messageOf(error)}`)
    return new Set(own.map(({ id }) => id))
  }
}

/**
 * Of one environment's releases, newest first: those that serve, are warm, on hold, running or being deployed; the newest
 * that served, as many as the environment keeps for rollback; and as many as keep their assets served for open tabs.
 */
function neededReleases(releases: readonly ReleaseWithUse[], running: ReadonlySet<string>): readonly ReleaseWithUse[] {
  const settings = releases[0]?.record
  const keep = Math.max(settings?.keepReleases ?? KEEP_RELEASES, 1 + (settings?.keepAssetsOfReleases ?? 0))
  const served = new Set(releases.filter((release) => release.hasServed).slice(0, keep))
  return releases.filter(
    (release) =>
      served.has(release) ||
      release.isBeingDeployed ||
      running.has(release.id) ||
      release.state === 'serving' ||
      release.state === 'warm' ||
      release.state === 'on-hold',
  )
}
