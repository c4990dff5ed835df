import { resolve } from 'node:path'
import type { BuildService } from '../../model/build-service.ts'
import type { HealthSettings, ReleaseService } from '../../model/release.ts'
import { normalRoute } from '../checks/routes.ts'
import { kindOf, rootOf } from '../checks/services.ts'
import type { MergedService } from '../merge.ts'
import { durationMs, sizeBytes } from '../units.ts'

type Variables = Readonly<Record<string, string | number | boolean>>

/** One service with every default; `env` from the most general to the most particular. */
export function resolveService(
  name: string,
  service: MergedService,
  env: readonly (Variables | undefined)[],
): ReleaseService {
  const kind = kindOf(service)
  const isServed = kind === 'web' || kind === 'static'
  const { start, user, assets, fallback, schedule, limits = {} } = service
  const root = kind === 'static' ? rootOf(service) : null
  return {
    name,
    kind,
    directory: folderOf(service.directory),
    ...(start === undefined ? {} : { start }),
    instances: instancesOf(service),
    ...(user === undefined ? {} : { user }),
    env: textVariables(...env),
    routes: isServed ? (service.routes ?? [{}]).map(normalRoute) : [],
    health: healthOf(service),
    drainMs: durationMs(service.drain ?? '30s'),
    stopGraceMs: durationMs(service.stopGrace ?? '10s'),
    ...(root === null ? {} : { root: folderOf(root) }),
    ...(fallback === undefined ? {} : { fallback }),
    ...(assets === undefined ? {} : { assets: { path: trimmed(assets.path), directory: folderOf(assets.directory) } }),
    ...(kind === 'worker' ? { startWorkers: service.startWorkers ?? 'after-promotion' } : {}),
    limits: {
      ...(limits.memory === undefined ? {} : { memoryBytes: sizeBytes(limits.memory) }),
      ...(limits.cpus === undefined ? {} : { cpus: limits.cpus }),
    },
    ...(schedule === undefined ? {} : { schedule }),
  }
}

export function resolveBuild(name: string, service: MergedService, projectDir: string | null): BuildService {
  const { command, output, install = 'auto', node } = service.build
  return {
    name,
    directory: folderOf(service.directory),
    ...(command === undefined ? {} : { command }),
    ...(output === undefined ? {} : { output }),
    install: install === 'auto' || install === 'none' ? install : { command: install },
    ...(node === undefined ? {} : { nodePath: projectDir === null ? node : resolve(projectDir, node) }),
  }
}

/** Later ones win; all values become texts. */
export function textVariables(...blocks: readonly (Variables | undefined)[]): Record<string, string> {
  const merged: Variables = Object.assign({}, ...blocks)
  return Object.fromEntries(Object.entries(merged).map(([name, value]) => [name, String(value)]))
}

function healthOf({ health }: MergedService): HealthSettings {
  return {
    path: health.path ?? null,
    intervalMs: durationMs(health.interval ?? '1s'),
    timeoutMs: durationMs(health.timeout ?? '2s'),
    passes: health.passes ?? 2,
    failures: health.failures ?? 3,
    readyMs: durationMs(health.ready ?? '60s'),
  }
}

/** Two copies of what users ask: one may die without anybody noticing. Static files and jobs have no instances. */
function instancesOf(service: MergedService): number {
  const kind = kindOf(service)
  if (kind === 'static' || kind === 'job') return 0
  return service.instances ?? (kind === 'web' ? 2 : 1)
}

/** `./apps/web/` and `apps/web` are one folder, `.` is the root. */
function folderOf(folder: string | undefined): string {
  const plain = (folder ?? '').replace(/^(?:\.\/)+/, '').replace(/\/+$/, '')
  return plain === '.' ? '' : plain
}

function trimmed(path: string): string {
  return path.length > 1 ? path.replace(/\/+$/, '') : path
}
