import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { SluiceError } from '../model/error.ts'
import type { LineSink } from '../support/lines.ts'
import { assertSucceeded, type CommandResult } from './command.ts'
import type { InstallCache } from './install-cache.ts'
import type { Installer } from './installer.ts'
import { compileArguments, makeRelocatable, pipArguments, pythonOf } from './python.ts'

export interface InstallContext {
  readonly cache: InstallCache
  /** Version of the Node that runs installers, as in `process.version`. */
  readonly nodeVersion: string
  readonly scratch: string
  readonly lines: LineSink
  run(argv: readonly [string, ...string[]], cwd: string, env?: Readonly<Record<string, string>>): Promise<CommandResult>
}

/** Brings the packages of one lock file into its folder, from the cache where it has them. Throws `BUILD_FAILED`. */
export async function install(installer: Installer, context: InstallContext): Promise<void> {
  const { cache, lines, nodeVersion } = context
  const { product, folder } = installer
  if (product === null) return installAnew(installer, context)
  const runtime = installer.name === 'pip' ? await pythonVersion(installer, context) : nodeVersion
  const key = await cache.key(installer, runtime)
  if (await cache.restore(key, join(folder, product))) {
    lines.add(`${installer.name}: packages of this lock file taken from the cache`)
    for (const script of installer.afterwards) await step(['npm', 'run', script], installer, context)
    return
  }
  await installAnew(installer, context)
  if (existsSync(join(folder, product))) await cache.save(key, join(folder, product))
}

async function installAnew(installer: Installer, context: InstallContext): Promise<void> {
  await step(installer.command, installer, context)
  if (installer.name !== 'pip') return
  const { folder, inputs } = installer
  const python = pythonOf(folder)
  await step([python, ...(await pipArguments(folder, inputs[0] ?? '', context.scratch))], installer, context)
  await context.run([python, ...compileArguments], folder) // packages may hold files for other versions: not our failure
  await makeRelocatable(folder)
}

async function step(argv: readonly [string, ...string[]], installer: Installer, context: InstallContext) {
  const command = argv.map((part) => part.replace(`${installer.folder}/`, '')).join(' ')
  context.lines.add(`$ ${command}`)
  const result = await explainMissing(argv[0], () => context.run(argv, installer.folder, installer.env))
  assertSucceeded('installing packages', command, result, hintFor(installer, result))
}

/** Removes what only the build needed. */
export async function pruneDevelopmentPackages(installer: Installer, context: InstallContext): Promise<void> {
  if (installer.prune !== null) await step(installer.prune, installer, context)
}

async function explainMissing<T>(program: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause
    throw new SluiceError('BUILD_FAILED', `${program} is not installed on this machine`, {
      hint: `install ${program}, or build elsewhere and deploy with --artifact`,
      cause,
    })
  }
}

async function pythonVersion(installer: Installer, context: InstallContext): Promise<string> {
  const result = await explainMissing('python3', () =>
    context.run(['python3', '-c', 'import sys; print(sys.version, sys.base_prefix)'], installer.folder),
  )
  return result.lastLines.join('\n')
}

function hintFor({ name }: Installer, result: CommandResult): string {
  const text = result.lastLines.join('\n')
  if (name === 'npm' && text.includes('EUSAGE'))
    return 'package.json and the lock file differ: run npm install and commit both'
  if (/ERR_PNPM_OUTDATED_LOCKFILE|lockfile needs to be updated|lockfile would have been modified/.test(text))
    return `package.json and the lock file differ: run ${name} install and commit both`
  if (/ENOTFOUND|ECONNREFUSED|ETIMEDOUT|EAI_AGAIN|NewConnectionError/.test(text))
    return 'the registry cannot be reached from this machine: check network and proxy settings'
  if (/SELF_SIGNED_CERT|UNABLE_TO_(GET|VERIFY)|CERTIFICATE_VERIFY_FAILED/.test(text))
    return 'something between here and the registry re-signs connections: start sluice with NODE_EXTRA_CA_CERTS (pip: SSL_CERT_FILE) naming its certificate'
  return 'the last lines above say why'
}
