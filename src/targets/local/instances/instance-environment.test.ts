import { expect, test } from 'vitest'
import type { ReleaseRecord, ReleaseService } from '../../../model/release.ts'
import { instanceEnvironment } from './instance-environment.ts'

const release = { id: 'r1', environment: 'shop.test' } as Partial<ReleaseRecord> as ReleaseRecord
const environmentOf = (env: Record<string, string>, more: Partial<Parameters<typeof instanceEnvironment>[0]> = {}) =>
  instanceEnvironment({
    release,
    service: { name: 'web', env } as Partial<ReleaseService> as ReleaseService,
    instance: 'r1-web-0',
    port: 4000,
    internalPorts: { 'the-api': 4100 },
    inherited: { PATH: '/bin', HOME: '/root', TZ: 'UTC' },
    resolved: { TOKEN: 'secret' },
    ...more,
  })

test('what the configuration says wins over what is inherited, a secret over both, and ours over all', () => {
  expect(
    environmentOf({ TZ: 'Europe/Berlin', HOST: '0.0.0.0', TOKEN: 'plain', PORT: '1', SLUICE_RELEASE: 'r9' }),
  ).toEqual({
    PATH: '/bin',
    HOME: '/root',
    TZ: 'Europe/Berlin',
    NODE_ENV: 'production',
    HOST: '0.0.0.0',
    TOKEN: 'secret',
    PORT: '4000',
    SLUICE_RELEASE: 'r1',
    SLUICE_SERVICE: 'web',
    SLUICE_INSTANCE: 'r1-web-0',
    SLUICE_ENVIRONMENT: 'shop.test',
    SLUICE_URL_THE_API: 'http://127.0.0.1:4100',
  })
})

test('another user has a home of its own, unless the configuration gives it one', () => {
  const user = { uid: 33, gid: 33, name: 'www-data', home: '/var/www' }
  expect(environmentOf({}, { user })).toMatchObject({ HOME: '/var/www', USER: 'www-data', LOGNAME: 'www-data' })
  expect(environmentOf({ HOME: '/srv' }, { user })).toMatchObject({ HOME: '/srv', USER: 'www-data' })
})
