import { expect, test } from 'vitest'
import { shellCommand } from './shell-command.ts'

test.each(['node build/index.js', 'npm start', '"/opt/my node/bin/node" app.mjs --port=$PORT', './serve', "'a b' c"])(
  'one plain command takes the place of the shell: %s',
  (command) => expect(shellCommand(command)).toBe(`exec ${command}`),
)

test.each([
  'a && b',
  'a; b',
  'A=1 node x',
  'cd web',
  'exit 3',
  'a | b',
  'node $(which x)',
  'a > log',
  '(a)',
  ': x',
  'a\nb',
])('the shell stays where it is needed: %s', (command) => expect(shellCommand(command)).toBe(command))
