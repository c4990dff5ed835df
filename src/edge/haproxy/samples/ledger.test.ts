import { describe, expect, test } from 'vitest'
import { Ledger } from './ledger.ts'

const reading = (assigned: number, inFlight: number, atMs: number) => ({ assigned, inFlight, atMs, weight: 0.5 })

describe('the ledger of a backend', () => {
  test('what is neither logged nor in flight was lost, and is told once', () => {
    const ledger = new Ledger()
    for (const sequence of [1, 2, 4]) ledger.ended(sequence, 500)
    ledger.read(reading(5, 1, 1000))
    expect(ledger.settle()).toEqual([{ arrival: expect.objectContaining({ weight: 0.5 }), counted: false }])
    ledger.ended(5, 1500)
    ledger.read(reading(5, 0, 2000))
    expect(ledger.settle()).toEqual([])
  })

  test('requests that end between the reading and its settlement are no losses', () => {
    const ledger = new Ledger()
    ledger.read(reading(3, 2, 1000))
    ledger.ended(1, 990) // in the ring at the time of the reading
    ledger.ended(2, 1100)
    ledger.ended(3, 1100)
    ledger.ended(4, 1150)
    expect(ledger.settle()).toEqual([])
  })

  test('what stays under way is told once with its arrival, and its end refers to it', () => {
    const ledger = new Ledger()
    ledger.read(reading(2, 2, 10_000))
    ledger.settle()
    ledger.ended(1, 10_400)
    const late = ledger.read(reading(2, 1, 11_000))
    expect(late).toEqual([{ second: 9, weight: 0.5 }])
    expect(ledger.read(reading(2, 1, 12_000))).toEqual([])
    expect(ledger.ended(2, 12_500)).toEqual({ second: 9, weight: 0.5 })
    ledger.read(reading(2, 0, 13_000))
    expect(ledger.settle()).toEqual([])
  })

  test('a request that was counted while under way and then lost is not assigned again', () => {
    const ledger = new Ledger()
    ledger.read(reading(1, 1, 1000))
    ledger.settle()
    expect(ledger.read(reading(1, 1, 2000))).toHaveLength(1)
    expect(ledger.settle()).toEqual([])
    ledger.read(reading(1, 0, 3000))
    expect(ledger.settle()).toEqual([{ arrival: { second: 0, weight: 0.5 }, counted: true }])
  })

  test('a worker that was adopted begins with what it answered unseen', () => {
    const ledger = new Ledger({ assigned: 100, inFlight: 2, atMs: 400 })
    ledger.ended(97, 300) // waited in the ring
    ledger.ended(99, 500)
    ledger.read(reading(101, 1, 1000))
    expect(ledger.settle()).toHaveLength(1)
  })
})
