import { expect, test } from 'vitest'
import { Facts } from './facts.ts'
import { reportDeployments, reportTraffic, type Told } from './report.ts'
import { outcomeOf } from './story.ts'

const document = {
  v: 1,
  status: 'rolled-back',
  environment: 'production',
  deployment: 'd3',
  release: 'r3',
  previousRelease: 'r2',
  urls: ['http://127.0.0.1:8080'],
  seconds: { prepare: 4.21, shift: 7 },
  reason: { code: 'ROLLED_BACK', message: 'too many failures' },
  verdict: { action: 'roll-back', conclusive: true, summary: 'rolled back after 7 s: 9 of 40 requests failed' },
}

test('reads an outcome from what the command line printed', () => {
  expect(outcomeOf({ code: 4, document, stderr: '', seconds: 12 })).toMatchObject({
    status: 'rolled-back',
    release: 'r3',
    exitCode: 4,
    reason: 'ROLLED_BACK: too many failures',
    verdict: { action: 'roll-back' },
  })
})

test('says what was printed when there is no outcome in it', () => {
  const broken = { code: 2, document: { status: 'error', message: 'no config' }, stderr: 'hint', seconds: 1 }
  expect(() => outcomeOf(broken)).toThrow(/exit code 2.*no config/s)
})

test('a demonstration without facts, or with one not seen, did not succeed', () => {
  const facts = new Facts()
  expect(facts.allSeen).toBe(false)
  facts.check('a', true)
  expect(facts.allSeen).toBe(true)
  facts.check('b', false, 'why')
  expect(facts.allSeen).toBe(false)
  expect(facts.lines()[1]).toBe('NOT SEEN b (why)')
})

test('only what the faulty release itself answered may fail', () => {
  const outcome = outcomeOf({ code: 4, document, stderr: '', seconds: 12 })
  const done: Told[] = [{ title: 'Release 3: faulty', outcome, from: 0, until: 1 }]
  const failure = {
    at: '2026-01-01T00:00:00.000Z',
    client: 'people',
    request: 'GET /',
    afterMs: 3,
    status: 500,
    error: null,
    edgeError: null,
    release: 'r3',
  }
  const stats = {
    requests: 100,
    failed: 1,
    failures: [failure],
    latencyMs: { p50: 2, p99: 5, p999: 9, max: 9 },
    longestGap: { ms: 40, at: 0 },
    from: 0,
    until: 1,
    releases: { r3: { requests: 10, failed: 1, firstAt: 0, lastAt: 1, lastBegunAt: 1 } },
    clients: {},
    streams: { opened: 1, endedCleanly: 1, cut: 0, messages: 3 },
    statuses: {},
    skipped: 0,
    repeated: 0,
  }
  const report = (failures: readonly (typeof failure)[]) => {
    const facts = new Facts()
    const lines: string[] = []
    const say = (line: string) => void lines.push(line)
    reportTraffic({ ...stats, failures, failed: failures.length }, done, 'r3', { facts, say })
    reportDeployments(done, say)
    return { facts, text: lines.join('\n') }
  }
  expect(report([failure]).facts.allSeen).toBe(true)
  expect(report([failure]).text).toContain('9 of 40 requests failed')
  expect(report([failure, { ...failure, release: 'r2' }]).facts.allSeen).toBe(false)
  expect(report([]).facts.allSeen).toBe(false)
})
