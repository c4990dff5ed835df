import { expect, test } from 'vitest'
import { command, type Handler } from './command.ts'

const show: Handler<{ release: string; service?: string }, { rollBack?: true; tail?: string }> = async () => ({
  json: {},
  text: '',
})
const release = { name: 'release', description: '' } as const
const service = { name: 'service', description: '', isOptional: true } as const
const options = [
  { flags: '--roll-back', description: '' },
  { flags: '-n, --tail <lines>', description: '' },
] as const
const load = async () => show

test('a handler gets what its command declares', () => {
  expect(command({ name: 'show', summary: '', args: [release, service], options, load }).name).toBe('show')
})

test('a handler that reads what its command does not declare does not compile', () => {
  // @ts-expect-error: no release is declared
  command({ name: 'show', summary: '', args: [service], options, load })
  // @ts-expect-error: the release may be missing
  command({ name: 'show', summary: '', args: [{ ...release, isOptional: true }], options, load })
  // @ts-expect-error: --tail takes no value here
  command({ name: 'show', summary: '', args: [release], options: [{ flags: '--tail', description: '' }], load })
})
