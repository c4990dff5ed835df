import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { writeFileAtomic } from '../../../support/atomic-file.ts'
import { identityOf } from '../../../support/process-identity.ts'
import { type Configuration, configurationText, missingSections } from '../configuration/configuration.ts'
import { holdScript } from '../configuration/hold-script.ts'
import { type MapChange, type Maps, mapChanges, mapNames, mapText } from '../configuration/maps.ts'
import { writePages } from '../configuration/pages.ts'
import { type Layout, shortPath } from '../layout.ts'
import type { Pool } from '../pool.ts'
import { HaproxyProcess } from '../program/haproxy-process.ts'
import { ask, command, escaped, parseStat, parseTable, type Row } from '../program/runtime-socket.ts'
import { firstCheck } from './first-check.ts'
import { type Loaded, livingWorkers, writeLoaded } from './loaded.ts'
import { parseServersState } from './server-state.ts'
import { newlyOccupied, occupyCommands, vacateCommands, type WantedSlot } from './slot-commands.ts'

const PROBE_TIMEOUT_MS = 700
const SHOW_TRAFFIC = 'show stat -1 6 -1; show table streams'

/** All that HAProxy shall be; setting it twice changes nothing. */
export interface DesiredPlane {
  readonly sections: Configuration
  readonly pool: Pool
  readonly maps: Maps
  readonly slots: readonly WantedSlot[]
  readonly draining: readonly string[]
  /** Backends that traffic is about to be led to: their slots get time to pass a check first. */
  readonly awaited: readonly string[]
  readonly awaitMs: number
}

export interface PlaneReading {
  readonly servers: readonly Row[]
  /** By backend: requests assigned, in the current worker. */
  readonly assigned: ReadonlyMap<string, number>
  /** By `backend/slot` and by backend: requests in flight in workers that a reload replaced. */
  readonly inFlightElsewhere: ReadonlyMap<string, number>
  /** By `backend/slot`: streams among what is in flight, in all workers. */
  readonly streams: ReadonlyMap<string, number>
  /** Pid of the worker that answered. */
  readonly worker: number
  /** HAProxy was asked at the one time and its answer was read at the other. */
  readonly sentAtMs: number
  readonly atMs: number
}

/** HAProxy as a whole: its configuration where that must change, its runtime socket for everything else. */
export class DataPlane {
  readonly #layout: Layout
  readonly #process: HaproxyProcess
  #loaded: Loaded
  #sections: Map<string, string>
  /** What the maps of the current worker hold; null: to be written anew. */
  #maps: Maps | null = null
  #oldWorkers: readonly number[] = []
  #worker: number | null = null
  readonly #firstChecks = new Map<string, AbortController>()

  constructor(program: string, layout: Layout, loaded: Loaded) {
    this.#layout = layout
    this.#loaded = loaded
    this.#sections = new Map(loaded.sections)
    this.#process = new HaproxyProcess(program, layout, loaded.master)
  }

  get loaded(): Loaded {
    return this.#loaded
  }

  get ring(): Loaded['ring'] {
    return this.#loaded.ring
  }

  set ring(ring: Loaded['ring']) {
    this.#loaded = { ...this.#loaded, ring }
  }

  get isRunning(): boolean {
    return this.#process.master !== null
  }

  /** Puts everything in force: a start or a reload where one is needed, then slots and maps at run time. */
  async set(desired: DesiredPlane): Promise<{ readonly reloaded: boolean }> {
    const needsStart = !this.isRunning || !(await this.#servesByRecord())
    const missing = missingSections(this.#sections, desired.sections)
    const reloaded = needsStart || missing.length > 0
    if (reloaded) await this.#load(desired)
    else await this.#closeUnneeded(desired.sections)
    await this.#setSlotsAndMaps(desired)
    this.#loaded = { ...this.#loaded, pool: desired.pool, draining: desired.draining }
    await writeLoaded(this.#layout.record, this.#loaded)
    return { reloaded }
  }

  async #servesByRecord(): Promise<boolean> {
    const info = await ask(this.#layout.runtimeSocket, 'show info').catch(() => '')
    return info.includes(`description: generation-${this.#loaded.generation}\n`)
  }

  async #load(desired: DesiredPlane): Promise<void> {
    const { root, maps, pages, configuration, serverState } = this.#layout
    const generation = this.#loaded.generation + 1
    const previous = await readFile(configuration).catch(() => null)
    await mkdir(maps, { recursive: true, mode: 0o700 })
    await writePages(pages)
    await writeFile(join(root, 'actions.lua'), holdScript)
    // A new worker begins with what is in force; the change follows at run time, when both are at one.
    const initial = this.isRunning && this.#maps !== null ? this.#maps : desired.maps
    for (const name of mapNames) await writeFile(join(maps, `${name}.map`), mapText(initial[name]))
    await writeFileAtomic(configuration, configurationText(desired.sections, generation), { mode: 0o600 })
    try {
      await this.#process.check()
      const master = this.#process.master
      await writeFile(
        serverState,
        master === null ? '1\n' : await ask(this.#layout.runtimeSocket, 'show servers state').catch(() => '1\n'),
      )
      if (master === null) await this.#start(generation, desired.sections)
      else await this.#process.reload(generation)
    } catch (error) {
      if (previous !== null) await writeFileAtomic(configuration, previous, { mode: 0o600 })
      throw error
    }
    this.#sections = new Map(desired.sections)
    this.#maps = initial
    await this.#noteWorkers()
    for (const pid of this.#oldWorkers) await this.#makeRelay(pid)
    this.#loaded = {
      ...this.#loaded,
      generation,
      sections: [...this.#sections],
      master: this.#process.master,
    }
    await writeLoaded(this.#layout.record, this.#loaded)
  }

  async #start(generation: number, sections: Configuration): Promise<void> {
    const orphans = livingWorkers(this.#loaded)
    if (orphans.length === 0) await rm(this.#layout.runtimeSocket, { force: true })
    // Recorded at once: an agent that dies right here is followed by one that finds the process.
    await this.#process.start(generation, orphans, async (master) => {
      this.#loaded = { ...this.#loaded, master, generation, sections: [...sections] }
      await writeLoaded(this.#layout.record, this.#loaded)
    })
  }

  async #noteWorkers(): Promise<void> {
    const { current, old } = await this.#process.workers()
    this.#worker = current
    this.#oldWorkers = old
    const pids = current === null ? old : [current, ...old]
    this.#loaded = { ...this.#loaded, workers: pids.map(identityOf).filter((identity) => identity !== null) }
  }

  /** A replaced worker passes on what its kept connections bring: its own tables and slots are frozen. */
  async #makeRelay(pid: number): Promise<void> {
    const cleared = ['hosts', 'internal', 'routes'].map((name) => `clear map maps/${name}.map`)
    await this.#process.askWorker(pid, ['set map maps/mode.map mode relay', ...cleared]).catch(() => '')
  }

  /** Listeners that nobody needs any more give their ports back without a reload. */
  async #closeUnneeded(needed: Configuration): Promise<void> {
    const unneeded = [...this.#sections.keys()].filter(
      (name) => /^(?:public|internal)-/.test(name) && !needed.has(name),
    )
    if (unneeded.length === 0) return
    await command(
      this.#layout.runtimeSocket,
      unneeded.map((name) => `shutdown frontend ${name}`),
    )
    for (const name of unneeded) this.#sections.delete(name)
    this.#loaded = { ...this.#loaded, sections: [...this.#sections] }
  }

  async #setSlotsAndMaps({ maps, slots, awaited, awaitMs }: DesiredPlane): Promise<void> {
    const socket = this.#layout.runtimeSocket
    if (this.#maps === null) await this.#replaceMaps(maps)
    const changes = mapChanges(this.#maps ?? maps, maps)
    const checksFirst = changes.filter(({ map, value }) => map === 'checks' && value !== null)
    await command(socket, checksFirst.map(changeCommand))
    const actual = parseServersState(await ask(socket, 'show servers state'))
    await command(socket, occupyCommands(actual, slots))
    for (const slot of newlyOccupied(actual, slots)) this.#checkFirst(slot)
    await this.#untilUp(awaited, slots, awaitMs)
    const isLast = ({ map, value }: MapChange) => map === 'checks' && value === null
    const rest = changes.filter((change) => !checksFirst.includes(change) && !isLast(change))
    await command(socket, rest.map(changeCommand))
    const kept = new Set(slots.map(({ backend, slot }) => `${backend}/${slot}`))
    for (const [name, abort] of this.#firstChecks) if (!kept.has(name)) abort.abort()
    await command(socket, vacateCommands(actual, slots))
    // A slot that still takes part must not be checked by a path that is not its own.
    await command(socket, changes.filter(isLast).map(changeCommand))
    this.#maps = maps
  }

  /** Tells HAProxy of the first passed checks, unless the slot has changed hands meanwhile. */
  #checkFirst(slot: WantedSlot): void {
    const name = `${slot.backend}/${slot.slot}`
    this.#firstChecks.get(name)?.abort()
    const abort = new AbortController()
    this.#firstChecks.set(name, abort)
    firstCheck(slot, abort.signal)
      .then(async (passed) => {
        if (passed) await command(this.#layout.runtimeSocket, [`set server ${name} health up`])
      })
      // HAProxy checks by itself too; without it there is nobody to tell.
      .catch(() => {})
      .finally(() => {
        if (this.#firstChecks.get(name) === abort) this.#firstChecks.delete(name)
      })
  }

  /** One transaction per map: a reader sees the old or the new content. */
  async #replaceMaps(maps: Maps): Promise<void> {
    const socket = this.#layout.runtimeSocket
    for (const name of mapNames) {
      const file = `maps/${name}.map`
      const version = /version created: (\d+)/.exec(await ask(socket, `prepare map ${file}`))?.[1] ?? '0'
      await command(
        socket,
        [...maps[name]].map(([key, value]) => `add map @${version} ${file} ${escaped(key)} ${escaped(value)}`),
      )
      await command(socket, [`commit map @${version} ${file}`])
    }
    this.#maps = maps
  }

  async #untilUp(backends: readonly string[], slots: readonly WantedSlot[], waitMs: number): Promise<void> {
    const hopeful = backends.filter((name) => slots.some(({ backend, draining }) => backend === name && !draining))
    const until = performance.now() + waitMs
    while (hopeful.length > 0 && performance.now() < until) {
      const { servers } = await this.read()
      const up = (name: string) =>
        servers.some((row) => row['pxname'] === name && row['svname'] !== 'BACKEND' && row['status']?.startsWith('UP'))
      if (hopeful.every(up)) return
      await sleep(10)
    }
  }

  async read(): Promise<PlaneReading> {
    if (this.#oldWorkers.length > 0 || this.#worker === null) await this.#noteWorkers()
    // The counters come first: what begins between the two is then in flight but not yet assigned, never the reverse.
    // The streams come last: what turns into one between the two is one, and none is counted that has ended.
    const sentAtMs = Date.now()
    const text = await ask(this.#layout.runtimeSocket, `show info; show table counters; ${SHOW_TRAFFIC}`)
    const atMs = Date.now()
    const split = text.indexOf('# pxname')
    // In the middle of a reload it may be the one worker or the other that answers.
    const worker = Number(/^Pid: (\d+)$/m.exec(text)?.[1] ?? 0)
    const assigned = new Map<string, number>()
    for (const [key, row] of parseTable(text.slice(0, split))) assigned.set(key, Number(row['gpc1']))
    const { servers, streams } = trafficIn(text.slice(split))
    const inFlightElsewhere = new Map<string, number>()
    for (const pid of this.#oldWorkers) {
      const old = trafficIn(await this.#process.askWorker(pid, SHOW_TRAFFIC.split('; ')).catch(() => ''))
      for (const row of old.servers) add(inFlightElsewhere, nameOf(row), Number(row['scur']))
      for (const [name, count] of old.streams) add(streams, name, count)
    }
    return { servers, assigned, inFlightElsewhere, streams, worker, sentAtMs, atMs }
  }

  /** Sends a request that HAProxy answers itself and logs. */
  probe(path: string): Promise<void> {
    const socketPath = shortPath(this.#layout.probeSocket)
    return new Promise((resolve, reject) => {
      const outgoing = request({ socketPath, path, agent: false, signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) })
      outgoing.on('response', (response) => {
        response.resume()
        resolve()
      })
      outgoing.on('error', reject)
      outgoing.end()
    })
  }

  /** Ends what is in flight on slots, in all workers. */
  async cut(slots: readonly { readonly backend: string; readonly slot: string }[]): Promise<void> {
    const commands = slots.map(({ backend, slot }) => `shutdown sessions server ${backend}/${slot}`)
    await command(this.#layout.runtimeSocket, commands)
    for (const pid of this.#oldWorkers) await this.#process.askWorker(pid, commands).catch(() => '')
  }

  async stop(graceMs: number): Promise<void> {
    for (const abort of this.#firstChecks.values()) abort.abort()
    await this.#process.stop(graceMs)
    await rm(this.#layout.record, { force: true })
  }
}

/** `b0/s1` for a slot, `b0` for a backend. */
export function nameOf(row: Row): string {
  return row['svname'] === 'BACKEND' ? (row['pxname'] ?? '') : `${row['pxname']}/${row['svname']}`
}

function trafficIn(text: string): { readonly servers: readonly Row[]; readonly streams: Map<string, number> } {
  const at = text.indexOf('# table')
  const table = at < 0 ? '' : text.slice(at)
  return {
    servers: parseStat(at < 0 ? text : text.slice(0, at)),
    streams: new Map([...parseTable(table)].map(([key, row]) => [key, Number(row['conn_cur'])])),
  }
}

function add(counts: Map<string, number>, name: string, count: number): void {
  counts.set(name, (counts.get(name) ?? 0) + count)
}

function changeCommand({ map, key, value, isNew }: MapChange): string {
  const file = `maps/${map}.map`
  if (value === null) return `del map ${file} ${escaped(key)}`
  return `${isNew ? 'add' : 'set'} map ${file} ${escaped(key)} ${escaped(value)}`
}
