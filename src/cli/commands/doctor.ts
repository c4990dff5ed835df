import { access, constants, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { execPath, versions } from 'node:process'
import { validateConfig } from '../../config/validate.ts'
import { livingControlPlane } from '../../control/start.ts'
import { findHaproxy } from '../../edge/haproxy/find-haproxy.ts'
import { resolveDatabaseUrl } from '../../postgres/database-url.ts'
import { messageOf } from '../../support/message-of.ts'
import { run } from '../../support/run.ts'
import type { Context, Handler } from '../command.ts'
import { loadProject } from '../project.ts'

interface Check {
  readonly name: string
  readonly state: 'ok' | 'warn' | 'fail'
  readonly detail: string
  readonly cure?: string
}

const GIGABYTE = 1024 ** 3
const checks: readonly ((context: Context) => Promise<Check>)[] = [
  node,
  git,
  homeFolder,
  disk,
  database,
  haproxy,
  systemd,
  controlPlane,
  edge,
  configuration,
]

export const doctor: Handler = async (_input, context) => {
  const results = await Promise.all(
    checks.map((check) =>
      check(context).catch((error: unknown): Check => ({ name: check.name, state: 'fail', detail: messageOf(error) })),
    ),
  )
  const isFailed = results.some((check) => check.state === 'fail')
  return {
    json: { status: isFailed ? 'fail' : 'ok', checks: results },
    text: results
      .map(
        ({ name, state, detail, cure }) =>
          `${state.padEnd(5)}${name}: ${detail}${cure === undefined ? '' : ` → ${cure}`}`,
      )
      .join('\n'),
    exitCode: isFailed ? 1 : 0,
  }
}

async function node(): Promise<Check> {
  return { name: 'node', state: 'ok', detail: `${versions.node} at ${execPath}` }
}

async function git({ environment }: Context): Promise<Check> {
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

async function homeFolder({ home }: Context): Promise<Check> {
  const folder = await nearestExisting(home.root)
  try {
    await access(folder, constants.W_OK | constants.X_OK)
    return { name: 'home', state: 'ok', detail: `${home.root} can be written` }
  } catch {
    return {
      name: 'home',
      state: 'fail',
      detail: `${folder} cannot be written`,
      cure: 'choose another with --home or SLUICE_HOME',
    }
  }
}

async function disk({ home }: Context): Promise<Check> {
  const { bavail, bsize } = await statfs(await nearestExisting(home.root))
  const free = (bavail * bsize) / GIGABYTE
  const detail = `${free.toFixed(1)} GB free`
  if (free < 0.5) return { name: 'disk', state: 'fail', detail, cure: 'make room: builds and databases need it' }
  return free < 3
    ? { name: 'disk', state: 'warn', detail, cure: 'make room soon' }
    : { name: 'disk', state: 'ok', detail }
}

async function database({ environment }: Context): Promise<Check> {
  const choice = resolveDatabaseUrl(environment)
  return {
    name: 'database',
    state: 'ok',
    detail: choice.kind === 'url' ? 'DATABASE_URL' : 'the PostgreSQL that comes with sluice',
  }
}

async function haproxy(): Promise<Check> {
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

async function systemd(): Promise<Check> {
  try {
    await access('/run/systemd/system')
    return { name: 'systemd', state: 'ok', detail: '`sluice up --print-systemd` prints a unit' }
  } catch {
    return { name: 'systemd', state: 'warn', detail: 'not running: memory and CPU limits of services are not enforced' }
  }
}

async function controlPlane({ home }: Context): Promise<Check> {
  const living = await livingControlPlane(home)
  return living === null
    ? { name: 'control plane', state: 'warn', detail: 'not running', cure: 'sluice up' }
    : { name: 'control plane', state: 'ok', detail: `${living.version}, process ${living.pid}` }
}

async function edge(context: Context): Promise<Check> {
  if ((await livingControlPlane(context.home)) === null)
    return { name: 'edge', state: 'warn', detail: 'not looked at: no control plane' }
  const client = await context.connect()
  const environments = await client.environments()
  const silent = environments.filter(({ release, fleets }) => release !== null && fleets.length === 0)
  return silent.length === 0
    ? { name: 'edge', state: 'ok', detail: `${environments.length} environments` }
    : {
        name: 'edge',
        state: 'fail',
        detail: `no fleet for ${silent.map(({ key }) => key).join(', ')}`,
        cure: 'see `sluice status`',
      }
}

async function configuration(context: Context): Promise<Check> {
  try {
    const { document, file } = await loadProject(context)
    validateConfig(document, file)
    return { name: 'configuration', state: 'ok', detail: file }
  } catch (error) {
    return {
      name: 'configuration',
      state: 'warn',
      detail: messageOf(error),
      cure: 'sluice config validate, or sluice init',
    }
  }
}

async function nearestExisting(folder: string): Promise<string> {
  try {
    await access(folder)
    return folder
  } catch {
    return folder === dirname(folder) ? folder : nearestExisting(dirname(folder))
  }
}
