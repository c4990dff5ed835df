import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ReleaseRecord, ReleaseService, ReleaseTarget } from '../model/release.ts'
import { maskConnectionString, maskCredentials } from '../secrets/credentials.ts'
import { shownVariable } from '../secrets/shown.ts'
import type { EngineContext } from './context.ts'

/** What differs between two releases, in lines for people: commit, configuration, secrets, dependencies. */
export async function describeDifferences(
  context: Pick<EngineContext, 'artifacts'>,
  before: ReleaseRecord | null,
  after: ReleaseRecord,
): Promise<readonly string[]> {
  if (before === null) return ['first release of this environment']
  const lines: string[] = []
  if (before.source.commit !== after.source.commit) {
    lines.push(
      `commit ${shortCommit(before)} → ${shortCommit(after)}${after.source.subject === null ? '' : ` (${after.source.subject})`}`,
    )
  }
  if (after.source.dirty) lines.push('built with uncommitted changes')
  if (before.artifact === after.artifact) lines.push('same artifact')
  lines.push(...describeKeys('secret', before.secrets, after.secrets, (version) => `version ${version}`))
  for (const service of after.services) {
    const old = before.services.find((candidate) => candidate.name === service.name)
    if (old === undefined) lines.push(`service ${service.name} is new`)
    else lines.push(...describeService(old, service))
  }
  for (const old of before.services) {
    if (!after.services.some((service) => service.name === old.name)) lines.push(`service ${old.name} is gone`)
  }
  lines.push(...describeKeys('database', databaseOf(before), databaseOf(after), shownSetting))
  lines.push(...describeTarget(before.target, after.target))
  if (before.artifact !== after.artifact) lines.push(...(await describeDependencies(context, before, after)))
  return lines
}

function describeService(before: ReleaseService, after: ReleaseService): string[] {
  const { env: envBefore, ...settingsBefore } = before
  const { env: envAfter, ...settingsAfter } = after
  return [
    ...describeKeys(`${after.name}.env`, envBefore, envAfter, (value, name) => shownVariable(name, value)),
    ...describeKeys(after.name, plain(settingsBefore), plain(settingsAfter), maskCredentials),
  ]
}

/** Group by group: what a place has decided for itself is told in its own words. */
function describeTarget(before: ReleaseTarget, after: ReleaseTarget): string[] {
  if (before.name !== after.name) return [`target ${before.name} → ${after.name}`]
  const groups = [...new Set([...Object.keys(before.settings), ...Object.keys(after.settings)])].sort()
  return groups.flatMap((group) => {
    const [old, now] = [groupOf(before.settings[group]), groupOf(after.settings[group])]
    return describeKeys(group, old, now, String)
  })
}

function groupOf(value: unknown): Record<string, string> {
  if (value === undefined || value === null) return {}
  return typeof value === 'object' ? plain(value) : { value: JSON.stringify(value) }
}

async function describeDependencies(
  context: Pick<EngineContext, 'artifacts'>,
  before: ReleaseRecord,
  after: ReleaseRecord,
): Promise<string[]> {
  const lines: string[] = []
  for (const service of after.services) {
    const [old, now] = await Promise.all([
      readDependencies(context, before.artifact, service.directory),
      readDependencies(context, after.artifact, service.directory),
    ])
    lines.push(...describeKeys('dependency', old, now, maskCredentials))
  }
  return [...new Set(lines)]
}

async function readDependencies(
  context: Pick<EngineContext, 'artifacts'>,
  artifact: string,
  directory: string,
): Promise<Record<string, string>> {
  try {
    const tree = await context.artifacts.tree(artifact)
    const parsed: unknown = JSON.parse(await readFile(join(tree, directory, 'package.json'), 'utf8'))
    const { dependencies = {}, devDependencies = {} } = parsed as Record<string, Record<string, string>>
    return { ...devDependencies, ...dependencies }
  } catch {
    return {} // no package.json in the artifact, or an artifact that was pruned
  }
}

function describeKeys<Value>(
  what: string,
  before: Readonly<Record<string, Value>>,
  after: Readonly<Record<string, Value>>,
  show: (value: Value, name: string) => string,
): string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort()
  return names.flatMap((name) => {
    const [old, now] = [before[name], after[name]]
    if (JSON.stringify(old) === JSON.stringify(now)) return []
    if (old === undefined) return [`${what} ${name}: added${now === undefined ? '' : ` (${show(now, name)})`}`]
    if (now === undefined) return [`${what} ${name}: removed`]
    // What differs may be what nobody is shown.
    const [shownOld, shownNow] = [show(old, name), show(now, name)]
    return [`${what} ${name}: ${shownOld === shownNow ? 'changed' : `${shownOld} → ${shownNow}`}`]
  })
}

function plain(value: object): Record<string, string> {
  return Object.fromEntries(
    Object.entries(value).map(([key, entry]) => [key, typeof entry === 'string' ? entry : JSON.stringify(entry)]),
  )
}

function databaseOf({ database }: ReleaseRecord): Record<string, string> {
  return database === null ? {} : plain(database)
}

function shownSetting(value: string): string {
  return value.includes('://') ? maskConnectionString(value) : maskCredentials(value)
}

function shortCommit(record: ReleaseRecord): string {
  return record.source.commit?.slice(0, 8) ?? record.source.kind
}
