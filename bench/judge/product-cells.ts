import type { LatencyChange } from './scenario.ts'

/** One kind of release, deployed by the real product under real traffic. */
export interface Cell {
  readonly name: string
  /** Failures of the new release that the old one has not. */
  readonly faultRate: number
  /** Only on this path. */
  readonly faultPath?: string
  /** Only on the first instance that starts. */
  readonly oneInstance?: boolean
  readonly latency?: LatencyChange
  readonly expected: 'rolled-back' | 'succeeded'
}

/** Cells that follow one another on one installation, under one kind of traffic. */
export interface Lane {
  readonly requestsPerSecond: number
  readonly instances: number
  /** Answers take a lognormal time with this median; absent: as long as they take. */
  readonly latencyMedianMs?: number
  readonly cells: readonly Cell[]
}

export const OLD_RATE = 0.001
/** Visitors ask for these, in these shares. */
export const paths = { '/': 4, '/feed': 3, '/search': 2, '/checkout': 1 } as const
const CHECKOUT_SHARE = 0.1

const failing = (percent: number): Cell => ({
  name: `${percent} % fail`,
  faultRate: percent / 100 - OLD_RATE,
  expected: 'rolled-back',
})

/** The longest first: they run side by side as far as `MOST_REQUESTS_PER_SECOND` allows. */
export const lanes: readonly Lane[] = [
  {
    requestsPerSecond: 100,
    instances: 4,
    cells: [
      failing(5),
      { name: 'one route fails 30 %', faultRate: 0.3, faultPath: '/checkout', expected: 'rolled-back' },
    ],
  },
  {
    requestsPerSecond: 50,
    instances: 4,
    cells: [
      failing(1),
      { name: 'one instance of four fails 30 %', faultRate: 0.3, oneInstance: true, expected: 'succeeded' },
    ],
  },
  { requestsPerSecond: 50, instances: 4, cells: [{ name: 'healthy', faultRate: 0, expected: 'succeeded' }] },
  {
    requestsPerSecond: 50,
    instances: 1,
    cells: [{ name: 'the only instance fails 30 %', faultRate: 0.3, oneInstance: true, expected: 'succeeded' }],
  },
  {
    requestsPerSecond: 50,
    instances: 4,
    latencyMedianMs: 100,
    cells: [{ name: '1.5 times slower', faultRate: 0, latency: { factor: 1.5 }, expected: 'rolled-back' }],
  },
  { requestsPerSecond: 20, instances: 4, cells: [failing(5), failing(50)] },
  { requestsPerSecond: 200, instances: 4, cells: [failing(1), failing(50)] },
]

/** The share of all requests of the new release that fail more than before. */
export function faultShare(cell: Cell): number {
  return cell.faultPath === undefined ? cell.faultRate : cell.faultRate * CHECKOUT_SHARE
}

export function labelOf(lane: Lane, cell: Cell): string {
  return `${cell.name}, ${lane.requestsPerSecond}/s`
}
