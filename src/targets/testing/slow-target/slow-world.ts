import type { ReleaseRecord, ReleaseService } from '../../../model/release.ts'
import type { Clock } from '../../../support/clock.ts'
import type { ReleaseOptions, TargetUnderTest } from '../../target.contract.ts'
import { Cloud } from './cloud.ts'
import { directly } from './cloud-client.ts'
import type { HabitsName } from './habits.ts'
import { slowTarget } from './slow-target.ts'

const environment = 'shop.test'

/** An environment at a cloud of its own. */
export function slowWorld(clock: Clock, habits: HabitsName): TargetUnderTest {
  const cloud = new Cloud(clock)
  const at = { environment, habits }
  const get = async (path: string) => {
    const { pathname, searchParams } = new URL(path, 'https://slow.test')
    const takesMs = Number(pathname === '/slow' ? searchParams.get('ms') : 0)
    const { status, release, instance } = cloud.request({ ...at, takesMs })
    if (instance === null) return { status: status ?? 0, text: '' }
    const line = searchParams.get('line')
    if (line !== null) cloud.say({ ...at, instance, line })
    for (const untilMs = clock.monotonicMs() + takesMs; clock.monotonicMs() < untilMs; ) {
      await clock.sleep(1000)
      if (!cloud.isThere({ ...at, instance })) return { status: 0, text: '' }
    }
    return { status: status ?? 0, text: JSON.stringify({ release, instance }) }
  }
  return {
    target: slowTarget({ clock, transport: directly(cloud) }).open({ key: environment, settings: { habits } }),
    environment,
    release: (options) => releaseRecord(options, habits),
    // Real visitors take no time of the place; a turn of the loop lets it pass for everybody else.
    get: (path) => clock.sleep(0).then(() => get(path)),
    longRequestMs: 600_000,
    kill: async (instance) => cloud.kill({ ...at, instance }),
    close: async () => {},
  }
}

function releaseRecord(
  { id, env = {}, readyMs = 20_000, more = [] }: ReleaseOptions,
  habits: HabitsName,
): ReleaseRecord {
  return {
    id,
    environment,
    project: 'shop',
    artifact: 'a'.repeat(64),
    source: { kind: 'directory', commit: null, dirty: false, branch: null, subject: null },
    services: [{ env, routes: [{ path: '/' }] }, ...more].map((service) => serviceOf(service, readyMs)),
    target: { name: 'slow', settings: { habits } },
    keepAssetsOfReleases: 2,
    stickiness: false,
    secrets: {},
    database: null,
    schema: null,
    createdAt: new Date().toISOString(),
  }
}

function serviceOf(change: Partial<ReleaseService>, readyMs: number): ReleaseService {
  return {
    name: 'web',
    kind: 'web',
    directory: '',
    start: 'node server.js',
    instances: 1,
    env: {},
    routes: [],
    health: { path: '/health', intervalMs: 30_000, timeoutMs: 5000, passes: 1, failures: 2, readyMs },
    drainMs: 900_000,
    stopGraceMs: 30_000,
    limits: {},
    ...change,
  }
}
