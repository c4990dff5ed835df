import { createServer } from 'node:net'
import { join } from 'node:path'
import { validateConfig } from '../../config/validate.ts'
import { livingControlPlane } from '../../control/start.ts'
import { resolveDatabaseUrl } from '../../postgres/database-url.ts'
import { messageOf } from '../../support/message-of.ts'
import { howToBind } from '../../support/privileged-port.ts'
import type { Context } from '../command.ts'
import { loadProject } from '../project.ts'
import type { Check } from './check.ts'
import { portHolder } from './port-holder.ts'

const PROBE_MS = 3000
const SHOWN_COMMAND = 80

export async function database({ environment }: Context): Promise<Check> {
  const choice = resolveDatabaseUrl(environment)
  return {
    name: 'database',
    state: 'ok',
    detail: choice.kind === 'url' ? 'DATABASE_URL' : 'the PostgreSQL that comes with sluice',
  }
}

export async function controlPlane({ home }: Context): Promise<Check> {
  const living = await livingControlPlane(home)
  return living === null
    ? { name: 'control plane', state: 'warn', detail: 'not running', cure: 'sluice up' }
    : { name: 'control plane', state: 'ok', detail: `${living.version}, process ${living.pid}` }
}

/** Asks each environment's public address, as a visitor on this machine would. */
export async function edge(context: Context): Promise<Check> {
  if ((await livingControlPlane(context.home)) === null) {
    return { name: 'edge', state: 'warn', detail: 'not looked at: no control plane' }
  }
  const environments = (await (await context.connect()).environments()).filter(({ release }) => release !== null)
  const silent: string[] = []
  for (const { key, urls } of environments) {
    const problems = await Promise.all(urls.map(unanswered))
    silent.push(...problems.filter((problem) => problem !== null).map((problem) => `${key}: ${problem}`))
  }
  return silent.length === 0
    ? { name: 'edge', state: 'ok', detail: `${environments.length} environments answer` }
    : { name: 'edge', state: 'fail', detail: silent.join('; '), cure: 'see `sluice status` and `sluice logs`' }
}

/** Null: the edge or what stands behind it answered, and not with an error of its own. */
async function unanswered(url: string): Promise<string | null> {
  const { host, port, protocol, pathname } = new URL(url)
  const local = `${protocol}//localhost${port === '' ? '' : `:${port}`}${pathname}`
  try {
    const response = await fetch(local, {
      redirect: 'manual',
      headers: { host, 'user-agent': 'sluice-doctor' },
      signal: AbortSignal.timeout(PROBE_MS),
    })
    await response.body?.cancel()
    return response.status >= 500 ? `${url} answers ${response.status}` : null
  } catch (error) {
    const { cause } = error as { cause?: unknown }
    // A certificate for a public name is not valid for localhost: that it answers is what counts.
    if (cause instanceof Error && 'code' in cause && /CERT|SELF_SIGNED|ALTNAME|VERIFY/.test(String(cause.code)))
      return null
    return `${url} does not answer (${messageOf(cause ?? error)})`
  }
}

/** Public ports of the configuration: free, or held by our own edge. */
export async function ports(context: Context): Promise<Check> {
  let wanted: readonly number[]
  try {
    const { document, file } = await loadProject(context)
    wanted = publicPorts(validateConfig(document, file))
  } catch {
    return { name: 'ports', state: 'ok', detail: 'no valid configuration here: nothing to look at' }
  }
  const living = await livingControlPlane(context.home)
  const environments = living === null ? [] : await (await context.connect()).environments()
  const ours = new Set(environments.flatMap(({ urls }) => urls.map((url) => portOf(url))))
  const taken: string[] = []
  const cures = new Set<string>()
  for (const port of wanted) {
    const problem = ours.has(port) ? null : await whyNotFree(port, context.home.root)
    if (problem === null) continue
    taken.push(problem)
    cures.add(problem === lacksRights(port) ? howToBind(port) : 'end what listens there, or choose another edge.http')
  }
  return taken.length === 0
    ? {
        name: 'ports',
        state: 'ok',
        detail: wanted.length === 0 ? 'none is fixed' : `${wanted.join(', ')} can be served on`,
      }
    : {
        name: 'ports',
        state: 'fail',
        detail: taken.join('; '),
        cure: [...cures].join('; '),
      }
}

function publicPorts(config: unknown): readonly number[] {
  const { environments = {} } = config as { environments?: Record<string, { edge?: Record<string, unknown> }> }
  const found = Object.values(environments).flatMap(({ edge: settings = {} }) => [settings.http, settings.https])
  return [...new Set(found.filter((port): port is number => typeof port === 'number' && port > 0))]
}

function portOf(url: string): number {
  const { port, protocol } = new URL(url)
  return port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port)
}

/** An edge of this home serves on while its control plane is stopped: nobody shall be told to end it. */
async function whyNotFree(port: number, homeRoot: string): Promise<string | null> {
  const problem = await whyNotBound(port)
  if (problem !== 'EADDRINUSE') return problem === 'EACCES' ? lacksRights(port) : problem
  const holder = await portHolder(port)
  if (holder === null) return `${port} is taken by another program`
  if (holder.command.includes(join(homeRoot, '/'))) return null
  return `${port} is taken by process ${holder.pid} (${holder.command.slice(0, SHOWN_COMMAND)})`
}

function lacksRights(port: number): string {
  return `${port} needs more rights than this user has`
}

async function whyNotBound(port: number): Promise<string | null> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', ({ code, message }: NodeJS.ErrnoException) => resolve(code ?? message))
    server.listen(port, () => server.close(() => resolve(null)))
  })
}

export async function configuration(context: Context): Promise<Check> {
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
