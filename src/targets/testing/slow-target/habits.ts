import type { TargetCapabilities } from '../../target.ts'

/** From, to. Each time it is another one in between. */
export type Range = readonly [number, number]

/** How a place behaves. Times in milliseconds of its own clock, shares 0..1. */
export interface Habits {
  /** Of each call to the place's API. */
  readonly callMs: Range
  /** Reads that are refused because there were too many, whoever made them. */
  readonly throttled: number
  /** A read may tell what was true this long ago. */
  readonly staleMs: number
  /** From the order until the task runs. */
  readonly startMs: Range
  /** Until a router heard of an order, of a new task, or of one that leaves: each router by itself. */
  readonly learnsMs: Range
  /** So long after a router heard of a split, connections that were open before are still led by the one before. */
  readonly tailMs: number
  readonly samples: { readonly seconds: number; readonly lagSeconds: number; readonly perInstance: boolean }
  readonly weights: TargetCapabilities['weights']
  /** An order moves all traffic, and the place takes the old tasks away by itself. */
  readonly ownsShift: boolean
  readonly previews: boolean
}

/** With the figures of a load balancer in front of containers (minutes to launch, two routers, an aggregate ten seconds late). */
export const cloudHabits: Habits = {
  callMs: [200, 1500],
  throttled: 0.2,
  staleMs: 5000,
  startMs: [30_000, 120_000],
  learnsMs: [2000, 60_000],
  tailMs: 120_000,
  samples: { seconds: 1, lagSeconds: 10, perInstance: true },
  weights: 'any',
  ownsShift: false,
  previews: true,
}

/** Every kind of place that is tried, by the name that an environment's settings give. */
export const habits = {
  cloud: cloudHabits,
  /** The router's own figures: a minute at once, two minutes late, of nobody in particular. */
  blocks: { ...cloudHabits, samples: { seconds: 60, lagSeconds: 120, perInstance: false } },
  steps: { ...cloudHabits, weights: 'steps' },
  'no-weights': { ...cloudHabits, weights: 'none' },
  'owns-shift': { ...cloudHabits, weights: 'none', ownsShift: true, previews: false },
} as const satisfies Record<string, Habits>

export type HabitsName = keyof typeof habits

export function isHabitsName(name: unknown): name is HabitsName {
  return typeof name === 'string' && name in habits
}

/** What such a place says of itself. */
export function capabilitiesOf(given: Habits): TargetCapabilities {
  const [, slowestLesson] = given.learnsMs
  const [, slowestStart] = given.startMs
  return {
    weights: given.weights,
    canLower: given.weights !== 'none',
    assignment: 'request',
    perInstance: given.samples.perInstance,
    sampleSeconds: given.samples.seconds,
    sampleLagSeconds: given.samples.lagSeconds,
    reactionSeconds: slowestLesson / 1000,
    warmStandby: !given.ownsShift,
    ownsShift: given.ownsShift,
    previews: given.previews,
    pace: {
      inspectMs: given.staleMs,
      launchMs: 3 * (slowestStart + slowestLesson),
      shiftMs: 4 * slowestLesson,
      quietMs: given.tailMs,
    },
  }
}
