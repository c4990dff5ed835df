// Records a home of another version in the middle of its work: `node e2e/upgrade/record.ts CHECKOUT FOLDER`, where CHECKOUT
// is a folder with that version and its dependencies. `recorded-home.test.ts` has it taken over by this version.
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { installation, must } from '../support/installation.ts'
import { startTraffic } from '../support/traffic/start.ts'
import { dumpOf } from './dump.ts'
import { marksOf, type RecordedFile, type RecordedHome, withMarks } from './recorded-home.ts'

const [checkout = '', folder = ''] = process.argv.slice(2)

/** What the next version cannot use, or makes anew: the folder of PostgreSQL is in the dump. */
const leftOut = /^(?:postgres|builds|cache|control\/(?!token))|\.(?:log|sock|lock)(?:\.\d+)?$|(?:^|\/)run\//

const place = await installation({
  checkout,
  instances: 1,
  environments: { bake: 'rolling', ramp: 'rolling' },
})
try {
  for (const environment of ['bake', 'ramp']) {
    must(await place.sluice('deploy', environment), 'succeeded')
  }
  const visitors = await Promise.all(
    ['bake', 'ramp'].map((environment) =>
      startTraffic({
        target: `http://127.0.0.1:${place.ports[environment]}`,
        requestsPerSecond: 20,
        clients: [{ kind: 'keep-alive', path: '/' }],
      }),
    ),
  )
  await place.setStrategy('bake', { name: 'blue-green', bake: '40s' })
  await place.setStrategy('ramp', { name: 'canary', steps: [20, 60], stepTime: '15s', bake: '0s', latency: false })
  await place.commit()
  must(await place.sluice('deploy', 'bake', '--until', 'serving'), 'serving')
  await place.sluice('deploy', 'ramp', '--detach')
  await seen('ramp', 'shifting')
  await sleep(3000)
  await place.commit()
  await place.sluice('deploy', 'ramp', '--detach')
  await seen('ramp', 'waiting')

  // No command may follow a deployment here: it would start the control plane again.
  const pid = await place.controlPid()
  if (pid !== null) process.kill(pid, 'SIGKILL')
  await write()
  for (const each of visitors) await each.stop()
} finally {
  await place.remove()
}

async function seen(environment: string, state: string): Promise<void> {
  for (;;) {
    const { document } = await place.sluice('status', environment)
    const [found] = document.environments as { deployment: { state: string } | null }[]
    if (found?.deployment?.state === state) return
    await sleep(100)
  }
}

async function write(): Promise<void> {
  const marks = marksOf(place)
  const files = await filesOf(place.home)
  const record: RecordedHome = {
    // What is named by its hash stays as it is.
    files: files.map((file) =>
      /^(?:artifacts|trees)\//.test(file.path) ? file : { ...file, content: withMarks(file.content, marks) },
    ),
  }
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'home.json'), `${JSON.stringify(record, null, 1)}\n`)
  await writeFile(join(folder, 'database.sql'), withMarks(await dump(), marks))
}

async function filesOf(home: string): Promise<RecordedFile[]> {
  const found: RecordedFile[] = []
  for (const entry of await readdir(home, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name)
    const path = relative(home, file)
    if (!entry.isFile() || leftOut.test(path)) continue
    const content = await readFile(file)
    const isText = content.equals(Buffer.from(content.toString('utf8')))
    const { mode, mtimeMs } = await stat(file)
    found.push({
      path,
      mode: mode & 0o777,
      mtimeMs,
      encoding: isText ? 'utf8' : 'base64',
      content: content.toString(isText ? 'utf8' : 'base64'),
    })
  }
  return found.sort((a, b) => a.path.localeCompare(b.path))
}

async function dump(): Promise<string> {
  const [port, password] = await Promise.all(
    ['port', 'password'].map((name) => readFile(join(place.home, 'postgres', name), 'utf8')),
  )
  const client = new Client({
    host: '127.0.0.1',
    port: Number(port),
    user: 'sluice',
    password: password?.trim() ?? '',
    database: 'sluice',
  })
  await client.connect()
  try {
    return await dumpOf(client, ['public', 'dbos'])
  } finally {
    await client.end()
  }
}
