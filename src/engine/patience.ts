import type { ReleaseRecord } from '../model/release.ts'
import type { TargetCapabilities } from '../targets/target.ts'

/** How long the engine waits for a place: all of it follows from how long things take there. Times in milliseconds. */
export interface Patience {
  /** Longest pause between two looks of a judgement. */
  readonly tickMs: number
  /** Longest that one look may take. */
  readonly lookMs: number
  /** A new release without a ready instance for this long is dead. */
  readonly deadMs: number
  /** Until an order to the router is in force. */
  readonly shiftMs: number
  /** Until a release that has all traffic is seen answering. */
  readonly seenMs: number
  /** One question to an application, by a probe or a check. */
  readonly askMs: number
  /** What the witness knows by now, at once. */
  readonly readMs: number
  /** Everything that a place may have to bring back after a start. */
  readonly restoreMs: number
  /** To bring a fleet to its counts: new instances become ready, and those that are too many say goodbye. */
  readonly scaleMs: (release: Pick<ReleaseRecord, 'services'>) => number
  readonly retireMs: (release: Pick<ReleaseRecord, 'services'> | null) => number
  /** How far back the news of a release that was left has to be silent, and how late they are. */
  readonly quietMs: number
  readonly newsMs: number
  /** Until it has to be quiet. */
  readonly leftMs: number
}

/** Looks in a row without a ready instance. */
const DEAD_LOOKS = 3
/** In the time of so many looks one must have come to its end. */
const MOST_LOOKS = 30
/** Slow applications, not slow places. */
const ASK_MS = 10_000

type Given = Pick<TargetCapabilities, 'pace'> &
  Partial<Pick<TargetCapabilities, 'ownsShift' | 'sampleSeconds' | 'sampleLagSeconds'>>

export function patienceWith({ pace, ownsShift = false, sampleSeconds = 1, sampleLagSeconds = 0 }: Given): Patience {
  const { inspectMs, launchMs, quietMs } = pace
  // Where an order also launches and takes away, it is in force when all of that is done.
  const shiftMs = ownsShift ? pace.launchMs + pace.shiftMs + quietMs : pace.shiftMs
  const newsMs = 1000 * (sampleSeconds + sampleLagSeconds)
  return {
    tickMs: inspectMs,
    lookMs: MOST_LOOKS * inspectMs,
    deadMs: DEAD_LOOKS * inspectMs,
    shiftMs,
    seenMs: shiftMs + quietMs,
    askMs: ASK_MS,
    readMs: 5 * inspectMs,
    restoreMs: 5 * launchMs,
    scaleMs: (release) => readyMs(release) + launchMs + farewellMs(release),
    retireMs: (release) => farewellMs(release) + quietMs + 2 * shiftMs,
    quietMs,
    newsMs,
    leftMs: 4 * (quietMs + newsMs) + MOST_LOOKS * inspectMs,
  }
}

function readyMs({ services }: Pick<ReleaseRecord, 'services'>): number {
  return Math.max(0, ...services.map(({ health }) => health.readyMs))
}

function farewellMs(release: Pick<ReleaseRecord, 'services'> | null): number {
  return Math.max(0, ...(release?.services ?? []).map(({ drainMs, stopGraceMs }) => drainMs + stopGraceMs))
}
