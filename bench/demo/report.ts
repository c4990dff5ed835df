import type { Failure, TrafficStats } from '../../e2e/support/traffic/traffic.ts'
import { plainTable } from '../support/table.ts'
import type { Facts } from './facts.ts'
import type { Outcome } from './story.ts'

export interface Told {
  readonly title: string
  readonly outcome: Outcome
  /** Unix milliseconds. */
  readonly from: number
  readonly until: number
}

/** What the people saw, over all and by release; the failures of the faulty release are the only ones allowed. */
export function reportTraffic(
  stats: TrafficStats,
  done: readonly Told[],
  faulty: string,
  { facts, say }: { readonly facts: Facts; readonly say: (line: string) => void },
): void {
  const ofFaulty = (failure: Failure) => failure.status === 500 && failure.release === faulty
  const others = stats.failures.filter((failure) => !ofFaulty(failure))
  const titleOf = (release: string) =>
    done.find(({ outcome }) => outcome.release === release)?.title.split(':')[0] ?? ''
  say(
    plainTable({
      title: 'What people saw',
      columns: ['requests', 'failed', 'by the faulty release', 'p50 ms', 'p99 ms', 'slowest ms', 'longest gap ms'],
      rows: [
        [
          stats.requests,
          stats.failed,
          stats.failed - others.length,
          stats.latencyMs.p50,
          stats.latencyMs.p99,
          stats.latencyMs.max,
          stats.longestGap.ms,
        ],
      ],
    }),
  )
  say('')
  say(
    plainTable({
      title: 'By release',
      columns: ['release', '', 'requests', 'failed'],
      rows: Object.entries(stats.releases).map(([release, { requests, failed }]) => {
        return [release, titleOf(release), requests, failed]
      }),
    }),
  )
  const { opened, endedCleanly, cut, messages } = stats.streams
  say(`live feeds: ${opened} opened, ${messages} posts received, ${endedCleanly} ended cleanly, ${cut} cut`)
  for (const failure of others.slice(0, 10)) say(`failed: ${JSON.stringify(failure)}`)
  facts.check(
    'no request failed but those that release 3 itself answered with 500',
    others.length === 0,
    `${others.length}`,
  )
  facts.check('release 3 did fail before it was caught', stats.failed > others.length)
}

export function reportDeployments(done: readonly Told[], say: (line: string) => void): void {
  const phases = [...new Set(done.flatMap(({ outcome }) => Object.keys(outcome.seconds)))]
  say('')
  say(
    plainTable({
      title: 'What each deployment took, in seconds',
      columns: ['', 'outcome', 'all', ...phases],
      rows: done.map(({ title, outcome }) => [
        title.split(':')[0] ?? title,
        outcome.status,
        round(outcome.wallSeconds),
        ...phases.map((phase) => {
          const seconds = outcome.seconds[phase]
          return seconds === undefined ? null : round(seconds)
        }),
      ]),
    }),
  )
  say('')
  for (const { title, outcome } of done) {
    const why = outcome.verdict?.summary ?? outcome.reason ?? 'nothing to compare with'
    say(`${title.split(':')[0]}: ${why}`)
  }
}

function round(seconds: number): number {
  return Math.round(seconds * 10) / 10
}
