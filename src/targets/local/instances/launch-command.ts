import { shellCommand } from './shell-command.ts'

/** An unprivileged user for the instances, where we run as root. */
export interface RunUser {
  readonly uid: number
  readonly gid: number
}

export interface LaunchCommand {
  readonly file: string
  readonly args: readonly string[]
  /** Set by spawn; absent where systemd-run does it. */
  readonly user?: RunUser
}

/**
 * The argv that starts a run: the shim and the user's shell, inside a systemd scope of its own where limits are asked
 * for. A scope keeps our descriptors, session and exit code, and is no part of our own unit.
 */
export function launchCommand(options: {
  readonly id: string
  readonly shim: string
  readonly run: string
  readonly command: string
  readonly limits: { readonly memoryBytes?: number; readonly cpus?: number }
  readonly systemd: boolean
  readonly root: boolean
  readonly user?: RunUser
}): LaunchCommand {
  const { id, shim, run, command, limits, systemd, root, user } = options
  const argv = [shim, run, '/bin/sh', '-c', shellCommand(command)]
  const properties = [
    ...(limits.memoryBytes === undefined ? [] : ['-p', `MemoryMax=${limits.memoryBytes}`]),
    ...(limits.cpus === undefined ? [] : ['-p', `CPUQuota=${Math.max(1, Math.round(limits.cpus * 100))}%`]),
  ]
  if (!systemd || properties.length === 0)
    return { file: '/bin/sh', args: argv, ...(user === undefined ? {} : { user }) }
  const manager = root ? [] : ['--user']
  const identity = user === undefined ? [] : [`--uid=${user.uid}`, `--gid=${user.gid}`]
  return {
    file: 'systemd-run',
    args: [
      ...manager,
      '--scope',
      '--quiet',
      '--collect',
      `--unit=sluice-${id.replaceAll(/[^A-Za-z0-9_.-]/g, '_')}-${process.hrtime.bigint()}`,
      ...properties,
      ...identity,
      '--',
      '/bin/sh',
      ...argv,
    ],
  }
}
