import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { type Seated, Seats } from './seats.ts'

class Guest implements Seated {
  seat = -1
  readonly luggage: number[]
  constructor(size = 1) {
    this.luggage = Array.from({ length: size }, () => 0)
  }
}

test('members enter and leave in any order, once each', () => {
  const seats = new Seats<Guest>()
  const [a, b, c, d] = [new Guest(), new Guest(), new Guest(), new Guest()]
  for (const guest of [a, b, c, d, a]) seats.add(guest)
  seats.delete(b)
  seats.delete(b)
  expect([seats.size, new Set(seats.all())]).toEqual([3, new Set([a, c, d])])
  seats.delete(d)
  seats.delete(a)
  seats.add(b)
  expect(new Set(seats.all())).toEqual(new Set([b, c]))
  seats.delete(c)
  seats.delete(b)
  expect([seats.size, seats.all()]).toEqual([0, []])
})

test('who has left is freed by the collection of young objects', () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as (options: { readonly type: 'minor' | 'major' }) => void
  const seats = new Seats<Guest>()
  const guests = Array.from({ length: 20 }, () => new Guest(1000))
  for (const guest of guests) seats.add(guest)
  collect({ type: 'major' })
  const before = process.memoryUsage().heapUsed
  for (let i = 0; i < 40_000; i++) {
    const leaving = guests[i % guests.length]
    if (leaving !== undefined) seats.delete(leaving)
    const coming = new Guest(1000)
    guests[i % guests.length] = coming
    seats.add(coming)
    if (i % 400 === 399) collect({ type: 'minor' })
  }
  collect({ type: 'minor' })
  const grownMb = (process.memoryUsage().heapUsed - before) / 2 ** 20
  // 40,000 guests had 320 MB with them.
  expect(grownMb).toBeLessThan(40)
})
