import { access, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { execPath, getuid, versions } from 'node:process'
import semver from 'semver'
import { findHaproxy } from '../../edge/haproxy/program/find-haproxy.ts'
import { bootId } from '../../support/process-identity.ts'
import { run } from '../../support/run.ts'
import { userName } from '../../support/user-name.ts'
import type { Context } from '../command.ts'
import type { Check } from './check.ts'
import { nearestExisting } from './nearest-existing.ts'

/** Types are stripped by Node itself from here on. */
const OLDEST_NODE = '22.18.0'
const GIGABYTE = 1024 ** 3
/** Sluice did not exist before: a clock that says so is wrong, and certificates and logs with it. */
const FIRST_YEAR = 2026

export async function node(): Promise<Check> {
  const detail = `${versions.node} at ${execPath}`
  return semver.gte(versions.node, OLDEST_NODE)
    ? { name: 'node', state: 'ok', detail }
    : { name: 'node', state: 'fail', detail, cure: `install Node ${OLDEST_NODE} or newer` }
}

/** Deadlines use the monotonic clock; records, certificates and samples use this one. */
export async function clock(_context: Context, now = new Date()): Promise<Check> {
  if (now.getUTCFullYear() < FIRST_YEAR) {
    return { name: 'clock', state: 'fail', detail: `it is ${now.toISOString()}`, cure: 'set the clock, best by NTP' }
  }
  return bootId() === 'unknown'
    ? {
        name: 'clock',
        state: 'warn',
        detail: 'this machine does not tell one boot from another',
        cure: 'run `sluice up` after each reboot and look at `sluice status`',
      }
    : { name: 'clock', state: 'ok', detail: now.toISOString() }
}

export async function git({ environment }: Context): Promise<Check> {
  try {
    const { stdout } = await run(['git', '--version'], { timeoutMs: 5000, env: environment })
    return { name: 'git', state: 'ok', detail: stdout.trim() }
  } catch {
    return {
      name: 'git',
      state: 'warn',
      detail: 'not found',
      cure: 'install git: without it folders are deployed as they are',
    }
  }
}

export async function disk({ home }: Context): Promise<Check> {
  const { bavail, bsize } = await statfs(await nearestExisting(home.root))
  const free = (bavail * bsize) / GIGABYTE
  const detail = `${free.toFixed(1)} GB free`
  if (free < 0.5) return { name: 'disk', state: 'fail', detail, cure: 'make room: builds and databases need it' }
  return free < 3
    ? { name: 'disk', state: 'warn', detail, cure: 'make room soon' }
    : { name: 'disk', state: 'ok', detail }
}

export async function haproxy(): Promise<Check> {
  const found = await findHaproxy()
  return found === null
    ? {
        name: 'haproxy',
        state: 'ok',
        detail: 'not installed; the Node edge needs nothing. HAProxy serves more requests per core',
      }
    : {
        name: 'haproxy',
        state: 'ok',
        detail: `${found.version} at ${found.path}: \`sluice up --edge haproxy\` is recommended for much traffic`,
      }
}

export interface SystemdFacts {
  readonly running: string
  /** A file by the name of each user whose units run without a login. */
  readonly linger: string
  readonly uid: number
  readonly user: string
}

export async function systemd(
  _context: Context,
  facts: SystemdFacts = {
    running: '/run/systemd/system',
    linger: '/var/lib/systemd/linger',
    uid: getuid?.() ?? 0,
    user: userName(),
  },
): Promise<Check> {
  const { running, linger, uid, user } = facts
  const name = 'systemd'
  if (!(await isThere(running))) {
    const detail = 'not running: CPU limits of services are not enforced, a program above its memory limit is ended'
    return { name, state: 'warn', detail }
  }
  if (uid !== 0 && !(await isThere(join(linger, user)))) {
    const detail = `units of ${user} end with the last login, and start with the next one only`
    return { name, state: 'warn', detail, cure: 'loginctl enable-linger' }
  }
  return { name, state: 'ok', detail: '`sluice up --print-systemd` prints a unit' }
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
