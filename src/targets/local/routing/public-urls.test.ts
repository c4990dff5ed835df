import { expect, test } from 'vitest'
import type { ReleaseRecord } from '../../../model/release.ts'
import { publicUrls } from './public-urls.ts'

const release = (edge: { httpPort: number | null; httpsPort: number | null }) =>
  ({
    target: { name: 'local', settings: { edge } },
    services: [
      { kind: 'web', routes: [{ path: '/api' }] },
      { kind: 'worker', routes: [] },
      { kind: 'static', routes: [{ path: '/' }, { host: 'shop.example.org', path: '/' }] },
    ],
  }) as unknown as ReleaseRecord

test('names the address that a person would open first', () => {
  expect(publicUrls(release({ httpPort: 8080, httpsPort: null }))).toEqual([
    'http://localhost:8080/',
    'http://shop.example.org:8080/',
    'http://localhost:8080/api',
  ])
  expect(publicUrls(release({ httpPort: 80, httpsPort: 443 }))[0]).toBe('https://localhost/')
})
