import { expect, test } from 'vitest'
import { parseServersState } from './server-state.ts'

test('a slot that was declared disabled and set ready is ready', () => {
  const head = '# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_port'
  const text = `1\n${head}\n7 b0 1 s1 127.0.0.1 2 4 9501\n7 b0 2 s2 127.0.0.1 0 5 9\n7 b0 3 s3 127.0.0.1 2 12 9502\n`
  expect(parseServersState(text).map(({ slot, port, admin }) => [slot, port, admin])).toEqual([
    ['s1', 9501, 'ready'],
    ['s2', 9, 'maint'],
    ['s3', 9502, 'drain'],
  ])
})
