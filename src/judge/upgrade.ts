import { punctual } from './feed.ts'
import type { JudgeState } from './state.ts'

/** What a state of version 1 (Sluice 0.1) lacks; it knew only news that come at once. */
type Former = Omit<JudgeState, 'version'> & { readonly version: 1 }

/** A state as this version keeps it; a judgement that an earlier version began goes on with the same evidence. */
export function upToDate(stored: JudgeState | Former): JudgeState {
  if (stored.version === 2) return stored
  const { now, startedAt, weight, doubt, robust, latency } = stored
  return {
    ...stored,
    version: 2,
    wall: now,
    feed: punctual,
    reportedUntil: now + 1,
    told: [[Math.floor(now), weight]],
    countedFrom: startedAt ?? 0,
    clockFrom: startedAt ?? 0,
    heldBack: 0,
    seconds: { ...stored.seconds, width: 1 },
    suspects: { ...stored.suspects, forgivenSeconds: 60 },
    robust: { ...robust, kept: 7 },
    latency: latency && { ...latency, blockSeconds: 5, kept: 8 },
    doubt: doubt && {
      ...doubt,
      robust: doubt.robust && { ...doubt.robust, kept: 7 },
      latency: doubt.latency && { ...doubt.latency, blockSeconds: 5, kept: 8 },
    },
  }
}
