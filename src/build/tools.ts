import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { BuildService } from '../model/build-service.ts'
import type { LineSink } from '../support/lines.ts'
import { buildEnvironment, ownNodeFolder } from './build-environment.ts'
import type { BuildFolder } from './build-folder.ts'
import type { BuildRequest } from './builder.ts'
import { type CommandResult, runCommand } from './command.ts'
import type { InstallContext } from './install.ts'
import { InstallCache } from './install-cache.ts'
import { nodeVersionIn } from './node-version.ts'

export interface ToolsOptions {
  readonly request: BuildRequest
  readonly folder: BuildFolder
  readonly signal: AbortSignal
  readonly caches: string
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly execPath: string
}

/** What the steps of one service work with: its Node, its environment, where output goes. */
export interface Tools {
  readonly nodeVersion: string
  readonly path: string
  readonly install: InstallContext
  say(line: string): void
  /** A user's command: with programs of the project's own packages on PATH, as in `npm run`. */
  run(argv: readonly [string, ...string[]], cwd: string): Promise<CommandResult>
}

export async function makeTools(service: BuildService, options: ToolsOptions, lines: LineSink): Promise<Tools> {
  const { request, folder, signal, caches, environment, execPath } = options
  const { nodePath } = service
  const nodeVersion = nodePath === undefined ? process.version : await nodeVersionIn(nodePath, signal)
  const env = await buildEnvironment({
    own: environment,
    user: request.env,
    mark: folder.mark,
    programs: programsFolder(folder),
    nodeFolder: nodePath ?? (await ownNodeFolder(join(folder.scratch, 'node'), execPath)),
    temporary: join(folder.scratch, 'tmp'),
    caches,
  })
  const runWith = (argv: readonly [string, ...string[]], cwd: string, variables: Readonly<Record<string, string>>) =>
    runCommand(argv, { cwd, env: variables, signal, lines, onStart: (pid) => folder.noteProcess(pid) })
  return {
    nodeVersion,
    path: env.forInstall.PATH ?? '',
    say: (line) => lines.add(line),
    run: (argv, cwd) => runWith(argv, cwd, withLocalPrograms(env.forCommands, cwd)),
    install: {
      cache: new InstallCache(join(caches, 'packages')),
      nodeVersion,
      scratch: folder.scratch,
      lines,
      run: (argv, cwd, more) =>
        runWith(argv, cwd, { ...env.forInstall, ...(argv.includes('pnpm') ? env.forPnpm : {}), ...more }),
    },
  }
}

/** Where package managers go that had to be fetched. */
export const programsFolder = (folder: BuildFolder): string => join(folder.scratch, 'programs')

function withLocalPrograms(env: Readonly<Record<string, string>>, cwd: string): Readonly<Record<string, string>> {
  const local = [join(cwd, '.venv', 'bin'), join(cwd, 'node_modules', '.bin')].filter((path) => existsSync(path))
  // The chosen Node stays first of all: a package may bring a program of that name.
  const [node = '', ...rest] = (env.PATH ?? '').split(delimiter)
  return { ...env, PATH: [node, ...local, ...rest].join(delimiter) }
}
