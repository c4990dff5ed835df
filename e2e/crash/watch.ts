import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Installation, must } from '../support/installation.ts'
import { startTraffic } from '../support/traffic/start.ts'
import type { Traffic } from '../support/traffic/traffic.ts'
import { environment } from './scenarios.ts'

/** Traffic that no death may disturb. */
export function startVisitors(place: Installation): Promise<Traffic> {
  return startTraffic({
    target: `http://127.0.0.1:${place.ports[environment]}`,
    requestsPerSecond: 60,
    isolate: true,
    clients: [
      { kind: 'keep-alive', path: '/' },
      { kind: 'fresh', path: '/' },
      { kind: 'post', path: '/echo' },
    ],
  })
}

export async function servingRelease(place: Installation): Promise<string> {
  must(await place.sluice('up'), 'running')
  const { document } = await place.sluice('status', environment)
  return String((document.environments as { release: string }[])[0]?.release)
}

export interface Resumption {
  /** From the kill to a control plane that has resumed what was in flight and listens. */
  readonly fromKillMs: number
  /** The same from the start of its process, without the time until somebody noticed the death. */
  readonly fromStartMs: number
}

/** Waits for the next control plane after the one with this pid; null when `isOver` comes first. */
export async function nextControlPlane(
  place: Installation,
  dead: number,
  killedAtMs: number,
  isOver: () => boolean,
): Promise<Resumption | null> {
  for (;;) {
    const pid = await place.controlPid()
    if (pid !== null && pid !== dead) {
      const now = Date.now()
      return { fromKillMs: now - killedAtMs, fromStartMs: now - (await startedAtMs(pid, now)) }
    }
    if (isOver()) return null
    await sleep(5)
  }
}

/** Kernel ticks per second, the same on every Linux that Node runs on. */
const TICKS = 100

async function startedAtMs(pid: number, fallback: number): Promise<number> {
  try {
    const [stat, uptime] = await Promise.all([
      readFile(join('/proc', String(pid), 'stat'), 'utf8'),
      readFile('/proc/uptime', 'utf8'),
    ])
    const ticks = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19])
    return Date.now() - (Number(uptime.split(' ')[0]) * 1000 - (ticks * 1000) / TICKS)
  } catch {
    return fallback
  }
}
