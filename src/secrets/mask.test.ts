import { expect, test } from 'vitest'
import { masker } from './mask.ts'

test('a value is masked wherever it stands, the longer before the shorter', () => {
  const mask = masker(['hunter2', 'hunter2-and-more', 'a.b*c(d'])
  expect(mask('x hunter2-and-more hunter2 a.b*c(d aXbYc(d')).toBe('x •••••• •••••• •••••• aXbYc(d')
})

test('a value of several lines is masked line by line, since logs are lines', () => {
  const mask = masker(['-----BEGIN KEY-----\r\nMIIEvQIBADANBgkqhkiG\n{\n-----END KEY-----\n'])
  expect(mask('-----BEGIN KEY-----')).toBe('••••••')
  expect(mask('  key: MIIEvQIBADANBgkqhkiG {')).toBe('  key: •••••• {')
})

test('JSON and URLs write values in another form', () => {
  const value = 'p@ss/"word"\nnext'
  const mask = masker([value])
  expect(mask(JSON.stringify({ value }))).toBe('{"value":"••••••"}')
  expect(mask(`postgres://app:${encodeURIComponent(value)}@db/shop`)).toBe('postgres://app:••••••@db/shop')
  expect(masker(['half \ud800 of a pair'])('half \ud800 of a pair')).toBe('••••••')
})

test('values of one to three characters stay: they are in every text', () => {
  expect(masker(['abc', '', 'abcd'])('abc abcd')).toBe('abc ••••••')
})

test('a line that was cut in the middle of a value shows none of it', () => {
  const mask = masker(['hunter2-and-more'])
  expect(mask('x hunter2-and-… (cut: 9000 characters)')).toBe('x ••••••… (cut: 9000 characters)')
  expect(mask('x hunter2-and-more… (cut)')).toBe('x ••••••… (cut)')
  expect(mask('x hunt… (cut)')).toBe('x ••••••… (cut)')
  expect(mask('x hunter2-and-')).toBe('x hunter2-and-')
})

test('the password of a URL goes though nobody named it, and a key in the place of a user', () => {
  const mask = masker([])
  expect(mask('at postgres://app:hunter2@db/shop')).toBe('at postgres://app:••••••@db/shop')
  expect(mask('clone https://ghp_0123456789abcdef@git.example/x git@git.example:x ssh://git@git.example/x')).toBe(
    'clone https://••••••@git.example/x git@git.example:x ssh://git@git.example/x',
  )
})
