import { describe, expect, test } from 'vitest'
import type { TrafficSplit } from '../model/traffic-split.ts'
import { isForCandidate, isPageLoad, visitorCookie, visitorIds, visitorOf } from './assignment.ts'

const split = (weight: number, salt = 'd1'): TrafficSplit => ({ base: 'r1', candidate: 'r2', weight, salt })

describe('assigning visitors', () => {
  test('the share of 10,000 random visitors is the weight within 2 points', () => {
    const visitor = visitorIds()
    for (const weight of [0.01, 0.25, 0.5, 0.9]) {
      let moved = 0
      for (let i = 0; i < 10_000; i++) if (isForCandidate(visitor(), split(weight))) moved++
      expect(Math.abs(moved / 10_000 - weight)).toBeLessThan(0.02)
    }
  })

  test('a rising weight only ever moves visitors forward, and 0 and 1 are nobody and everybody', () => {
    const visitor = visitorIds()
    for (let i = 0; i < 1000; i++) {
      const id = visitor()
      expect(isForCandidate(id, split(0))).toBe(false)
      expect(isForCandidate(id, split(1))).toBe(true)
      if (isForCandidate(id, split(0.2))) expect(isForCandidate(id, split(0.3))).toBe(true)
    }
  })

  test('fixed visitors have fixed places, other ones in each deployment', () => {
    const ids = ['0000000000000000', '0123456789abcdef', 'ffffffffffffffff', 'deadbeefdeadbeef']
    expect(ids.map((id) => isForCandidate(id, split(0.5)))).toMatchInlineSnapshot(`
      [
        false,
        false,
        true,
        false,
      ]
    `)
    expect(ids.map((id) => isForCandidate(id, split(0.5, 'd2')))).toMatchInlineSnapshot(`
      [
        true,
        true,
        false,
        false,
      ]
    `)
  })

  test('a weight without a candidate is no weight', () => {
    expect(isForCandidate('0123456789abcdef', { base: 'r1', candidate: null, weight: 1, salt: '' })).toBe(false)
  })
})

describe('the visitor cookie', () => {
  test('is found among others and must be an id of ours', () => {
    expect(visitorOf(undefined)).toBeNull()
    expect(visitorOf('a=b; sluice-visitor=0123456789abcdef; c=d')).toBe('0123456789abcdef')
    expect(visitorOf('sluice-visitor=0123456789abcdef')).toBe('0123456789abcdef')
    expect(visitorOf('x-sluice-visitor=0123456789abcdef')).toBeNull()
    expect(visitorOf('x-sluice-visitor=1; sluice-visitor=0123456789abcdef')).toBe('0123456789abcdef')
    expect(visitorOf('sluice-visitor=../../etc')).toBeNull()
  })

  test('is for page loads only', () => {
    const page = { method: 'GET', secFetchMode: undefined, accept: 'text/html,*/*' }
    expect(isPageLoad(page)).toBe(true)
    expect(isPageLoad({ ...page, secFetchMode: 'navigate' })).toBe(true)
    expect(isPageLoad({ ...page, secFetchMode: 'cors' })).toBe(false)
    expect(isPageLoad({ ...page, method: 'POST' })).toBe(false)
    expect(isPageLoad({ ...page, accept: 'application/json' })).toBe(false)
    expect(isPageLoad({ ...page, accept: undefined })).toBe(false)
  })

  test('carries its attributes, Secure on https only', () => {
    expect(visitorCookie('0123456789abcdef', { secure: false })).toBe(
      'sluice-visitor=0123456789abcdef; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax',
    )
    expect(visitorCookie('0123456789abcdef', { secure: true })).toMatch(/; Secure$/)
  })
})
