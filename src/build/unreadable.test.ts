import { expect, test } from 'vitest'
import { explainingUnreadable } from './unreadable.ts'

const failing = (facts: object) => explainingUnreadable(() => Promise.reject(Object.assign(new Error('no'), facts)))

test('a file that may not be read is named as the project knows it, with the cure', async () => {
  const path = '/home/x/builds/12-ab/source/o/secret'
  await expect(failing({ code: 'EACCES', syscall: 'scandir', path })).rejects.toMatchObject({
    code: 'ARTIFACT_INVALID',
    message: 'o/secret is closed to the user that runs Sluice (EACCES)',
    hint: expect.stringContaining('chmod'),
  })
})

test('whatever else fails is told by those who know of it', async () => {
  await expect(failing({ code: 'EACCES', syscall: 'spawn npm', path: 'npm' })).rejects.toThrow('no')
  await expect(failing({ code: 'ENOENT', syscall: 'open', path: '/x' })).rejects.toThrow('no')
})
