import { expect, test } from 'vitest'
import { variablesFor } from './variables.ts'

const environment = { A: '1', B: '2', C: '3', D: '4', SECRET: 'not named' }

test('the variables that the configuration names are handed over, and no other', () => {
  const text = `const { B, C = 'x', D: renamed } = process.env
export default { env: { A: process.env.A, E: process.env['UNSET'] } }`
  expect(variablesFor(text, undefined, environment)).toEqual({ A: '1', B: '2', C: '3', D: '4' })
  expect(variablesFor('export default {}', undefined, environment)).toEqual({})
})

test('--var names those that the text does not show, or gives them a value', () => {
  expect(variablesFor('', 'A, X=y=z', environment)).toEqual({ A: '1', X: 'y=z' })
  expect(() => variablesFor('', 'NOT_SET', environment)).toThrow('not set here')
  expect(() => variablesFor('', 'a-b=1', environment)).toThrow('no name of a variable')
})
