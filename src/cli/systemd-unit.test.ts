import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { run } from '../support/run.ts'
import { systemdUnit, type UnitOptions } from './systemd-unit.ts'

const system: UnitOptions = {
  execPath: '/usr/bin/node',
  program: '/opt/sluice/process.ts',
  home: '/var/lib/sluice',
  isOfUser: false,
  edge: null,
  needsVariables: false,
}

test('for the system and for one user', () => {
  expect(systemdUnit(system)).toContain(
    '\nExecStart="/usr/bin/node" "/opt/sluice/process.ts" "--home" "/var/lib/sluice"\n',
  )
  expect(systemdUnit(system)).toContain('WantedBy=multi-user.target')
  const own = systemdUnit({ ...system, isOfUser: true, edge: 'haproxy' })
  expect(own).toContain('WantedBy=default.target')
  expect(own).toContain('enable-linger')
  expect(own).toContain('"--edge" "haproxy"')
})

test('a password never stands in the unit, and without its file nothing starts', () => {
  const unit = systemdUnit({ ...system, needsVariables: true })
  expect(unit).toContain('\nEnvironmentFile=/etc/sluice/environment\n')
  expect(systemdUnit(system)).not.toContain('EnvironmentFile')
})

test('what means something to systemd is only text in a path', () => {
  const unit = systemdUnit({ ...system, home: '/srv/a b/50%/$HOME/"q"\\x' })
  expect(unit).toContain(String.raw`"--home" "/srv/a b/50%%/$$HOME/\"q\"\\x"`)
  expect(unit).toContain(String.raw`Environment="SLUICE_HOME=/srv/a b/50%%/$HOME/\"q\"\\x"`)
})

const analyze = await run(['systemd-analyze', '--version'], { env: process.env, timeoutMs: 20_000 }).catch(() => null)

test.runIf(analyze?.code === 0 || process.env['CI'] === 'true')('systemd finds no fault with it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice unit 50%-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const home = join(folder, 'a $HOME "q"')
  await mkdir(home)
  await symlink(process.execPath, join(folder, 'node'))
  for (const options of [system, { ...system, isOfUser: true, edge: 'node' }]) {
    const unit = join(folder, 'sluice.service')
    await writeFile(
      unit,
      systemdUnit({ ...options, execPath: join(folder, 'node'), program: join(folder, 'x.ts'), home }),
    )
    const manager = options.isOfUser ? ['--user'] : []
    const { code, stdout, stderr } = await run(['systemd-analyze', ...manager, '--man=no', 'verify', unit], {
      env: { ...process.env, XDG_RUNTIME_DIR: folder },
      timeoutMs: 60_000,
    })
    expect({ code, complaints: `${stdout}${stderr}`.split('\n').filter((line) => line.includes('sluice')) }).toEqual({
      code: 0,
      complaints: [],
    })
  }
})
