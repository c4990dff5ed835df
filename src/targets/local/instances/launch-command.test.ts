import { expect, test } from 'vitest'
import { launchCommand } from './launch-command.ts'

const base = { id: 'r1-web-0-a', shim: '/shim.sh', run: '/run/a', command: 'node x; echo "$HOME"', root: true }

test('without systemd the shim runs the command in the shell, as the given user', () => {
  const user = { uid: 1000, gid: 1000 }
  expect(launchCommand({ ...base, limits: { memoryBytes: 1 }, systemd: false, user })).toEqual({
    file: '/bin/sh',
    args: ['/shim.sh', '/run/a', '/bin/sh', '-c', 'node x; echo "$HOME"'],
    user,
  })
})

test('with systemd, limits put the run into a scope with a unit of its own', () => {
  const { file, args, user } = launchCommand({
    ...base,
    limits: { memoryBytes: 268435456, cpus: 0.5 },
    systemd: true,
    user: { uid: 1000, gid: 1000 },
  })
  expect(file).toBe('systemd-run')
  expect(args).toEqual(expect.arrayContaining(['--scope', '--collect', 'MemoryMax=268435456', 'CPUQuota=50%']))
  expect(args).toEqual(expect.arrayContaining(['--uid=1000', '--gid=1000']))
  expect(args).not.toContain('--user')
  expect(args.slice(-6)).toEqual(['/bin/sh', '/shim.sh', '/run/a', '/bin/sh', '-c', 'node x; echo "$HOME"'])
  // The user is changed by systemd-run, which needs root itself.
  expect(user).toBeUndefined()
})

test('without limits systemd is not asked', () => {
  expect(launchCommand({ ...base, limits: {}, systemd: true }).file).toBe('/bin/sh')
})
