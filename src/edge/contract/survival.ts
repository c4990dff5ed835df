import { readFile, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { Sample } from '../../model/sample.ts'
import { until } from './until.ts'
import { type EdgeCase, Site, type World } from './world.ts'

async function killEdge(site: Site): Promise<void> {
  const { pid } = await site.edge.inspect()
  process.kill(pid, 'SIGKILL')
  await until('it is dead', () =>
    site.ask('/status/200').then(
      () => false,
      () => true,
    ),
  )
}

async function ownSite(world: World) {
  const { edge, directory, restart } = await world.ownEdge()
  const app = await world.app()
  const site = new Site(edge, await world.table([app], { fence: 3 }))
  await edge.apply(site.table)
  await site.untilHealthy([app])
  return { site, app, directory, restart: async () => new Site(await restart(), site.table) }
}

function requestsOf(samples: readonly Sample[]): number {
  return samples.reduce((sum, sample) => sum + sample.requests, 0)
}

export const survivalCases: readonly EdgeCase[] = [
  {
    name: 'an edge that was killed serves again by the tables, holds and fences it had',
    async run(world) {
      const { site, app, restart } = await ownSite(world)
      const { environment } = site.table
      await site.edge.hold({ environment, service: 'other', mode: 'maintenance' })
      await killEdge(site)
      const again = await restart()
      expect((await again.ask()).json().id).toBe(app.instance.id)
      expect(await again.inspect()).toMatchObject({ fence: 3, hold: [{ service: 'other', mode: 'maintenance' }] })
      await expect(again.edge.apply({ ...site.table, fence: 2 })).rejects.toMatchObject({ code: 'FENCED' })
      await again.untilHealthy([app])
    },
  },
  {
    name: 'an edge serves on when its control is gone, and is adopted by the next one',
    async run(world) {
      const { site, restart } = await ownSite(world)
      const { pid } = await site.edge.inspect()
      await site.edge.close()
      expect((await site.ask('/status/200')).status).toBe(200)
      const again = await restart()
      expect((await again.edge.inspect()).pid).toBe(pid)
    },
  },
  {
    name: 'an edge whose state is damaged serves by the copy before it',
    async run(world) {
      const { site, app, directory, restart } = await ownSite(world)
      await site.apply({ fence: 4 })
      await killEdge(site)
      await truncate(join(directory, 'edge-state.json'), 40)
      const again = await restart()
      expect((await again.ask()).json().id).toBe(app.instance.id)
    },
  },
  {
    name: 'the history of samples survives the death of the edge',
    async run(world) {
      const { site, directory, restart } = await ownSite(world)
      for (let i = 0; i < 5; i++) await site.ask('/status/200')
      const { environment } = site.table
      const before = await until('all are known', async () => {
        const batch = await site.edge.samples({ environment })
        return requestsOf(batch.samples) === 5 ? batch : null
      })
      await until('all are on the disk', async () => {
        const lines = await readFile(join(directory, 'samples.ndjson'), 'utf8').catch(() => '')
        const batches = lines.split('\n').filter((line) => line !== '')
        return requestsOf(batches.flatMap((line) => (JSON.parse(line) as { samples: Sample[] }).samples)) === 5
      })
      await killEdge(site)
      const again = await restart()
      const count = async (after?: string) =>
        requestsOf((await again.edge.samples({ environment, ...(after === undefined ? {} : { after }) })).samples)
      expect(await count()).toBe(5)
      expect(await count(before.cursor)).toBe(0)
      await again.ask('/status/200')
      await until('the new request is known to the old cursor', async () => (await count(before.cursor)) === 1)
    },
  },
]
