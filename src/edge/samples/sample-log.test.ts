import { describe, expect, test } from 'vitest'
import { SampleLog } from './sample-log.ts'

const key = { environment: 'shop.production', service: 'web', release: 'r1', instance: 'r1-web-1' }
const arrival = { second: 1000, weight: 0.25, route: '/posts' }

describe('the sample log', () => {
  test('counts requests at their arrival and what became of them in their arrival second, however late', () => {
    const log = new SampleLog()
    const counter = log.counter(key)
    counter.assign(arrival)
    counter.assign(arrival)
    counter.complete(arrival, { status: 200, bad: false, latencyMs: 1, visitor: null })
    log.flush()
    const first = log.read({ environment: key.environment })
    expect(first.samples).toEqual([
      {
        from: 1000,
        seconds: 1,
        service: 'web',
        release: 'r1',
        instance: 'r1-web-1',
        weight: 0.25,
        requests: 2,
        bad: 0,
        distinctBad: 0,
        statusClasses: { '2xx': 1 },
        latency: { '-1': 1 },
        routes: { '/posts': { requests: 2, bad: 0 } },
      },
    ])
    counter.complete(arrival, { status: null, bad: true, visitor: null })
    log.flush()
    const late = log.read({ environment: key.environment, after: first.cursor })
    expect(late.samples).toMatchObject([
      { from: 1000, requests: 0, bad: 1, distinctBad: 1, statusClasses: { none: 1 }, routes: { '/posts': { bad: 1 } } },
    ])
    expect(log.read({ environment: key.environment, after: late.cursor }).samples).toEqual([])
  })

  test('keeps the weights of one second apart', () => {
    const log = new SampleLog()
    const counter = log.counter(key)
    counter.assign(arrival)
    counter.assign({ ...arrival, weight: 0.5 })
    counter.assign(arrival)
    log.flush()
    const { samples } = log.read({ environment: key.environment })
    expect(samples.map(({ weight, requests }) => [weight, requests])).toEqual([
      [0.25, 2],
      [0.5, 1],
    ])
  })

  test('counts a visitor who fails again on a route within 30 s once, over all instances', () => {
    const log = new SampleLog()
    const one = log.counter(key)
    const other = log.counter({ ...key, instance: 'r1-web-2' })
    const bad = { status: 500, bad: true, visitor: '0123456789abcdef' }
    one.complete(arrival, bad)
    other.complete({ ...arrival, second: 1010 }, bad)
    one.complete({ ...arrival, second: 1031 }, bad)
    one.complete({ ...arrival, second: 1031, route: '/other' }, bad)
    one.complete(arrival, { ...bad, visitor: null })
    one.complete(arrival, { ...bad, visitor: null })
    log.flush()
    const { samples } = log.read({ environment: key.environment })
    expect(samples.reduce((sum, sample) => sum + sample.bad, 0)).toBe(6)
    expect(samples.reduce((sum, sample) => sum + (sample.distinctBad ?? 0), 0)).toBe(5)
  })

  test('serves several readers, each from its own cursor, and environments apart', () => {
    const log = new SampleLog()
    const counter = log.counter(key)
    const requests = (after?: string) =>
      log.read({ environment: key.environment, ...(after === undefined ? {} : { after }) }).samples.length
    counter.assign(arrival)
    log.flush()
    const { cursor } = log.read({ environment: key.environment })
    counter.assign({ ...arrival, second: 1001 })
    log.flush()
    expect([requests(), requests(cursor), requests('nonsense')]).toEqual([2, 1, 2])
    expect(log.read({ environment: 'other' }).samples).toEqual([])
  })

  test('keeps an hour and a bounded size', () => {
    let now = 1_700_000_000_000
    const log = new SampleLog({ now: () => now, keepMs: 3_600_000, maxBytes: 400_000 })
    const counter = log.counter(key)
    const tick = (seconds: number, stepMs: number) => {
      for (let i = 0; i < seconds; i++) {
        counter.assign({ ...arrival, second: Math.floor(now / 1000) })
        log.flush()
        now += stepMs
      }
    }
    tick(700, 10_000)
    const { samples } = log.read({ environment: key.environment })
    expect(samples.length).toBeGreaterThanOrEqual(360)
    expect(samples.length).toBeLessThanOrEqual(361)
    tick(5000, 1)
    const bounded = log.read({ environment: key.environment }).samples
    expect(JSON.stringify(bounded).length).toBeLessThanOrEqual(400_000)
    expect(bounded.length).toBeGreaterThan(1000)
  })

  test('history that is restored goes on where it was, also when the clock stands still', () => {
    let now = 1_700_000_000_000
    const before = new SampleLog({ now: () => now })
    const batches = [1, 2, 3].map((second) => {
      before.counter(key).assign({ ...arrival, second })
      return before.flush()
    })
    const { cursor } = before.read({ environment: key.environment })
    now -= 5000
    const after = new SampleLog({ now: () => now })
    after.restore(batches.flat())
    after.restore(batches.flat())
    expect(after.read({ environment: key.environment }).samples.map((sample) => sample.from)).toEqual([1, 2, 3])
    after.counter(key).assign({ ...arrival, second: 4 })
    after.flush()
    expect(after.read({ environment: key.environment, after: cursor }).samples.map((s) => s.from)).toEqual([4])
  })

  test('a counter that is released leaves what it counted', () => {
    const log = new SampleLog()
    const counter = log.counter(key)
    counter.assign(arrival)
    log.release(counter)
    expect(log.read({ environment: key.environment }).samples).toHaveLength(1)
    expect(log.counter(key)).not.toBe(counter)
  })
})
