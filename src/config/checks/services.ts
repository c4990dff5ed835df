import { nearest } from '../../support/nearest.ts'
import { type MergedService, mergeDatabase, mergeService } from '../merge.ts'
import type { Path } from '../path.ts'
import type { EnvironmentDocument, ServiceDocument, ServiceOverridesDocument } from '../schema.ts'
import { durationMs } from '../units.ts'
import type { Check, CheckContext } from './check.ts'

type Kind = NonNullable<ServiceDocument['kind']>

/** Keys that only some kinds have, and what to tell about them. */
const keysOf: Readonly<
  Partial<Record<keyof ServiceDocument, { readonly kinds: readonly Kind[]; readonly why: string }>>
> = {
  start: { kinds: ['web', 'worker', 'job'], why: 'static files need no program' },
  instances: { kinds: ['web', 'worker'], why: 'only web and worker run continuously' },
  drain: { kinds: ['web', 'worker'], why: 'only web and worker have work under way' },
  stopGrace: { kinds: ['web', 'worker', 'job'], why: 'static files need no program' },
  limits: { kinds: ['web', 'worker', 'job'], why: 'static files need no program' },
  health: { kinds: ['web'], why: 'only web services are probed' },
  routes: { kinds: ['web', 'static'], why: 'only web and static services get requests' },
  assets: { kinds: ['web', 'static'], why: 'only web and static services get requests' },
  root: { kinds: ['static'], why: 'only static services are served from a folder' },
  fallback: { kinds: ['static'], why: 'only static services are served from a folder' },
  startWorkers: { kinds: ['worker'], why: 'it says when workers start' },
  schedule: { kinds: ['job'], why: 'only jobs run by the clock' },
}

/** What a kind cannot do without, and how to say so. */
const needs: readonly { readonly key: 'start' | 'schedule'; readonly kinds: readonly Kind[]; readonly hint: string }[] =
  [
    { key: 'start', kinds: ['web', 'worker', 'job'], hint: 'set the command that starts it, such as "node server.js"' },
    { key: 'schedule', kinds: ['job'], hint: 'set five cron fields, such as "0 3 * * *"' },
  ]

/** Each service as it is written, and as it becomes in each environment. */
export const checkServices: Check = (context) => {
  const { services = {}, environments = {} } = context.document
  for (const [name, service] of Object.entries(services)) {
    const at = ['services', name]
    if (context.isBroken([...at, 'kind'])) continue
    checkKeys(context, at, kindOf(service), service)
    checkMerged(context, at, mergeService(service), service)
    checkNeeds(context, name, service)
  }
  for (const [name, environment] of Object.entries(environments)) checkOverrides(context, name, environment)
}

function checkOverrides(context: CheckContext, name: string, environment: EnvironmentDocument): void {
  const { services = {} } = context.document
  for (const [serviceName, overrides] of Object.entries(environment.services ?? {})) {
    const at = ['environments', name, 'services', serviceName]
    const service = Object.hasOwn(services, serviceName) ? services[serviceName] : undefined
    if (service === undefined) {
      if (!context.isBroken(['services', serviceName])) reportUnknown(context, at, serviceName, Object.keys(services))
      continue
    }
    if (context.isBroken(['services', serviceName, 'kind'])) continue
    checkKeys(context, at, kindOf(service), overrides)
    checkMerged(context, at, mergeService(service, overrides), overrides)
  }
}

function reportUnknown(context: CheckContext, at: Path, name: string, known: readonly string[]): void {
  const guess = nearest(name, known)
  context.report(at, {
    message: 'is not a service of this project',
    hint: guess === null ? `the services are ${known.join(', ')}` : `did you mean ${guess}?`,
  })
}

function checkKeys(context: CheckContext, at: Path, kind: Kind, written: ServiceOverridesDocument): void {
  for (const [key, rule] of Object.entries(keysOf)) {
    if (!Object.hasOwn(written, key) || rule.kinds.includes(kind)) continue
    context.report([...at, key], { message: `does not fit a ${kind} service`, hint: `remove it: ${rule.why}` })
  }
}

/** A need is met when the service meets it, or every environment that could use it. */
function checkNeeds(context: CheckContext, name: string, service: ServiceDocument): void {
  const kind = kindOf(service)
  const environments = Object.values(context.document.environments ?? {})
  const merged = environments.map((environment) => mergeService(service, environment.services?.[name]))
  const isMet = (has: (merged: MergedService) => boolean) =>
    has(mergeService(service)) || (merged.length > 0 && merged.every(has))
  for (const { key, kinds, hint } of needs) {
    if (kinds.includes(kind) && !isMet((each) => each[key] !== undefined))
      context.report(['services', name, key], { message: `is missing: a ${kind} service needs it`, hint })
  }
  if (kind === 'static' && !context.isBroken(['services', name, 'build']) && !isMet((each) => rootOf(each) !== null))
    context.report(['services', name, 'root'], {
      message: 'is missing: a static service needs the folder that is served',
      hint: 'set root, or name one folder in build.output',
    })
}

/** Problems of the whole that come from what is written at `at`. */
function checkMerged(context: CheckContext, at: Path, service: MergedService, written: ServiceOverridesDocument): void {
  checkVariables(context, at, kindOf(service), written)
  const { health } = service
  if (
    written.health !== undefined &&
    health.timeout !== undefined &&
    durationMs(health.timeout) > durationMs(health.ready ?? '60s')
  )
    context.report([...at, 'health', 'timeout'], {
      message: `is longer than the ${health.ready ?? '60s'} that an instance has to become ready`,
      hint: 'shorten it, or give health.ready more time',
    })
  const { output } = service.build
  for (const [index, path] of (output ?? []).entries()) {
    if (/^!?\/|(^!?|\/)\.\.(\/|$)/.test(path))
      context.report([...at, 'build', 'output', index], {
        message: 'must be a path inside the service’s folder',
        hint: 'copy it there in the build command',
      })
  }
  const isLeftOut = (folder: string) => output !== undefined && !output.some((path) => isBelow(folder, path))
  if (service.root !== undefined && isLeftOut(service.root))
    context.report([...at, 'root'], { message: 'is not in build.output', hint: `add ${service.root} to build.output` })
  if (service.assets?.directory !== undefined && isLeftOut(service.assets.directory))
    context.report([...at, 'assets', 'directory'], {
      message: 'is not in build.output',
      hint: `add ${service.assets.directory} to build.output`,
    })
}

function checkVariables(context: CheckContext, at: Path, kind: Kind, { env = {} }: ServiceOverridesDocument): void {
  for (const name of Object.keys(env)) {
    if (name === 'PORT' && kind === 'web')
      context.report([...at, 'env', name], {
        message: 'is set by Sluice: each instance gets a port of its own',
        hint: 'remove it, and let the program listen on PORT; users’ ports are edge.http and edge.https',
      })
  }
}

/** What the kernel takes as one variable, its name included. */
const LONGEST_VARIABLE_BYTES = 128 * 1024

/** A process with such a variable could not be started at all. */
function checkValue(context: CheckContext, at: Path, value: string): void {
  if (value.includes('\0'))
    context.report(at, {
      message: 'holds a NUL character, which no process can be given',
      hint: 'encode it, as base64',
    })
  if (Buffer.byteLength(value) + String(at.at(-1)).length + 2 > LONGEST_VARIABLE_BYTES)
    context.report(at, {
      message: 'is longer than 128 KiB, more than a process can be given in one variable',
      hint: 'put it into a file that the build makes, or split it',
    })
}

/** Values that cannot be, and names that Sluice gives values to, wherever they are written. */
export const checkVariablesEverywhere: Check = (context) => {
  const { document } = context
  const hasDatabase = (environment: EnvironmentDocument) => mergeDatabase(document, environment) !== null
  const environments = Object.entries(document.environments ?? {})
  const check = (at: Path, env: object | undefined, withDatabase: boolean) => {
    for (const [name, value] of Object.entries(env ?? {})) {
      checkValue(context, [...at, name], String(value))
      if (name.startsWith('SLUICE_'))
        context.report([...at, name], { message: 'is reserved: Sluice sets SLUICE_*', hint: 'choose another name' })
      if (name === 'DATABASE_URL' && withDatabase)
        context.report([...at, name], {
          message: 'is set by Sluice, because database is configured',
          hint: 'give the server as database.url (a secret may hold it), or remove database',
        })
    }
  }
  for (const [name, value] of Object.entries(document.build?.env ?? {}))
    checkValue(context, ['build', 'env', name], String(value))
  const everywhere = document.database !== undefined
  check(['env'], document.env, everywhere)
  for (const [name, service] of Object.entries(document.services ?? {}))
    check(['services', name, 'env'], service.env, everywhere)
  for (const [name, environment] of environments) {
    check(['environments', name, 'env'], environment.env, hasDatabase(environment))
    for (const [service, overrides] of Object.entries(environment.services ?? {}))
      check(['environments', name, 'services', service, 'env'], overrides.env, hasDatabase(environment))
  }
}

export function kindOf(service: Pick<ServiceDocument, 'kind'>): Kind {
  return service.kind ?? 'web'
}

/** The folder a static service is served from; null where nothing says it. */
export function rootOf(service: MergedService): string | null {
  if (service.root !== undefined) return service.root
  const folders = (service.build.output ?? []).filter((path) => !path.startsWith('!') && path !== 'node_modules')
  return folders.length === 1 ? (folders[0] ?? null) : null
}

function isBelow(folder: string, path: string): boolean {
  const plain = (text: string) => text.replace(/^\.\//, '').replace(/\/+$/, '')
  const [inner, outer] = [plain(folder), plain(path)]
  // What is named below the folder makes a part of it.
  return outer === '.' || inner === outer || inner.startsWith(`${outer}/`) || outer.startsWith(`${inner}/`)
}
