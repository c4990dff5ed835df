import { expect, test } from 'vitest'
import { hintOfReadOnlyFolder } from './read-only-folder.ts'

const tree = `/var/lib/sluice/trees/${'a'.repeat(64)}`

test.each([
  [`Error: EACCES: permission denied, mkdir '${tree}/.next/cache'`],
  [`PermissionError: [Errno 13] Permission denied: 'uploads/x.png'`],
  ['sqlite3.OperationalError: EROFS data.db'],
  [`sh: 1: cannot create log.txt: Permission denied`],
])('says what to do about %s', (line) => {
  expect(hintOfReadOnlyFolder(['starting', line])).toContain('folder of a release is read-only')
})

test.each([[`Error: EACCES: permission denied, open '/etc/shadow'`], ['Error: connect ECONNREFUSED 127.0.0.1:5432']])(
  'says nothing about %s',
  (line) => {
    expect(hintOfReadOnlyFolder([line])).toBeNull()
  },
)
