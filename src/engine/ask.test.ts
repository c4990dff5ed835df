import { expect, test } from 'vitest'
import type { Question } from '../model/activity.ts'
import { ada } from '../model/testing/ada.ts'
import { assertAnswer } from './ask.ts'

const question: Question = {
  text: 'undecided',
  options: ['promote', 'roll-back'],
  who: null,
  deadline: '2026-01-01T12:00:00.000Z',
}
const answer = (change: Partial<Question> | null, option = 'promote', at = '2026-01-01T11:59:59Z') =>
  assertAnswer('d1', change && { ...question, ...change }, { actor: ada, option, now: new Date(at) })

test('an open question takes one of its answers, from those who may, until its deadline', () => {
  expect(() => answer({})).not.toThrow()
  expect(() => answer({ who: [ada.id] })).not.toThrow()
  expect(() => answer(null)).toThrow(expect.objectContaining({ code: 'STATE_CONFLICT' }))
  expect(() => answer({}, 'perhaps')).toThrow(
    expect.objectContaining({ code: 'USAGE', hint: 'the answers are: promote, roll-back' }),
  )
  expect(() => answer({ who: ['somebody-else'] })).toThrow(expect.objectContaining({ code: 'NOT_ALLOWED' }))
  expect(() => answer({}, 'promote', '2026-01-01T12:00:01Z')).toThrow(
    expect.objectContaining({ code: 'STATE_CONFLICT' }),
  )
})
