import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { RetainedAssets } from '../edge.ts'
import { exchange } from '../testing/http-client.ts'
import { routedService } from '../testing/route-tables.ts'
import { until } from './until.ts'
import type { EdgeCase, Site, World } from './world.ts'

async function staticSite(world: World): Promise<Site> {
  const folder = await world.folder()
  const root = join(folder, 'site')
  await mkdir(root)
  await writeFile(join(folder, 'secret.txt'), 'secret')
  await writeFile(join(root, 'index.html'), '<h1>home</h1>')
  await writeFile(join(root, 'app.js'), 'plain')
  await writeFile(join(root, 'app.js.br'), 'brotli')
  await writeFile(join(root, 'large.bin'), Buffer.alloc(3_000_000, 'x'))
  await symlink(join(folder, 'secret.txt'), join(root, 'link.txt'))
  const service = routedService({ service: 'site', kind: 'static', root, fallback: 'index.html' })
  return world.serve([], {
    change: (table) => ({ ...table, releases: [{ release: 'r1', services: [service] }] }),
  })
}

export const staticCases: readonly EdgeCase[] = [
  {
    name: 'a static service answers with type, tag, range and precompressed files',
    async run(world) {
      const site = await staticSite(world)
      const page = await site.ask('/')
      expect([page.status, page.body, page.headers['content-type']]).toEqual([
        200,
        '<h1>home</h1>',
        'text/html;charset=utf-8',
      ])
      expect(page.headers['x-sluice-release']).toBe('r1')
      const etag = page.headers.etag ?? ''
      expect((await site.ask({ headers: { 'if-none-match': etag } })).status).toBe(304)
      expect((await site.ask({ path: '/app.js', headers: { 'accept-encoding': 'br' } })).body).toBe('brotli')
      const range = await site.ask({ path: '/large.bin', headers: { range: 'bytes=10-19' } })
      expect([range.status, range.body]).toEqual([206, 'xxxxxxxxxx'])
      expect((await site.ask('/large.bin')).body.length).toBe(3_000_000)
      expect((await site.ask({ path: '/large.bin', method: 'HEAD' })).headers['content-length']).toBe('3000000')
      expect((await site.ask('/some/page')).body).toBe('<h1>home</h1>')
      const missing = await site.ask('/missing.js')
      expect([missing.status, missing.headers['x-sluice-error']]).toEqual([404, 'FILE_NOT_FOUND'])
    },
  },
  {
    name: 'no path leads out of a static folder',
    async run(world) {
      const site = await staticSite(world)
      for (const path of [
        '/../secret.txt',
        '/%2e%2e/secret.txt',
        '/..%2fsecret.txt',
        '/x/../../secret.txt',
        '/link.txt',
      ]) {
        const text = await exchange(site.port, `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
        expect([path, text.includes('secret'), /^HTTP\/1\.1 40[034]/.test(text)]).toEqual([path, false, true])
      }
    },
  },
  {
    name: 'static answers give page loads the visitor cookie and count as samples',
    async run(world) {
      const site = await staticSite(world)
      const page = await site.ask({ headers: { accept: 'text/html' } })
      expect(page.headers['set-cookie']?.[0]).toMatch(/^sluice-visitor=/)
      const samples = await until('the answer is counted', async () => {
        const known = (await world.edge.samples({ environment: site.table.environment })).samples
        return known.some((sample) => sample.statusClasses['2xx'] === 1) ? known : null
      })
      expect(samples.reduce((sum, sample) => sum + sample.requests, 0)).toBe(1)
      for (const sample of samples) expect(sample).toMatchObject({ release: 'r1', service: 'site', bad: 0 })
    },
  },
  {
    name: 'immutable assets of earlier releases stay served, the newest file first',
    async run(world) {
      const folder = await world.folder()
      const assets: RetainedAssets[] = []
      for (const [release, file] of [
        ['r2', 'new.js'],
        ['r1', 'old.js'],
      ] as const) {
        const directory = join(folder, release)
        await mkdir(directory)
        await writeFile(join(directory, file), `${release} ${file}`)
        await writeFile(join(directory, 'both.js'), release)
        assets.push({ release, service: 'web', path: '/_app/immutable', directory })
      }
      const app = await world.app('r2')
      const site = await world.serve([app], { base: 'r2', change: (table) => ({ ...table, assets }) })
      const old = await site.ask('/_app/immutable/old.js')
      expect([old.body, old.headers['cache-control']]).toEqual(['r1 old.js', 'public,max-age=31536000,immutable'])
      expect((await site.ask('/_app/immutable/new.js')).body).toBe('r2 new.js')
      expect((await site.ask('/_app/immutable/both.js')).body).toBe('r2')
      expect(app.seen).toEqual([])
      expect((await site.ask('/_app/immutable/unknown.js')).json().id).toBe(app.instance.id)
    },
  },
]
