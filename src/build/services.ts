import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import type { BuildService } from '../model/build-service.ts'
import { SluiceError } from '../model/error.ts'
import { limitedLog } from '../support/lines.ts'
import { assertSucceeded, shell } from './command.ts'
import { provideFetchedPrograms } from './fetched-programs.ts'
import { install, pruneDevelopmentPackages } from './install.ts'
import { type Installer, installersFor } from './installer.ts'
import { isInside } from './manifest.ts'
import { engineWarning } from './node-version.ts'
import { collectNodeModules, collectOutput, nodeModulesRule, resolveLinks } from './output.ts'
import { makeTools, programsFolder, type Tools, type ToolsOptions } from './tools.ts'

interface PreparedService {
  readonly service: BuildService
  readonly tools: Tools
  readonly installers: readonly Installer[]
}

/** Installs, runs the build commands and collects what they made in `folder.artifact`. */
export async function buildServices(options: ToolsOptions): Promise<void> {
  const { request, folder } = options
  const { source, artifact } = folder
  const lines = limitedLog(request.onLine)
  const prepared: PreparedService[] = []
  for (const service of request.services) prepared.push(await prepare(service, options, (line) => lines.add(line)))
  await installPackages(prepared, source)
  await runBuildCommands(prepared, source)
  for (const { service } of prepared) await collectOutput(service, source, artifact)
  await collectPackages(prepared, source, artifact)
  await resolveLinks(source, artifact)
}

async function prepare(
  service: BuildService,
  options: ToolsOptions,
  say: (line: string) => void,
): Promise<PreparedService> {
  const { source } = options.folder
  const folder = join(source, service.directory)
  if (!isInside(source, folder) || !existsSync(folder))
    throw new SluiceError('SOURCE_INVALID', `service ${service.name} has no folder ${service.directory}`, {
      hint: `correct services.${service.name}.directory, or commit that folder: the build sees what git sees`,
    })
  const tools = await makeTools(service, options, { add: say })
  const warning = await engineWarning(folder, tools.nodeVersion)
  if (warning !== null) say(`warning: ${warning}`)
  const installers = service.install === 'auto' ? await installersFor(folder, source, tools.path) : []
  await provideFetchedPrograms(installers, { directory: programsFolder(options.folder), caches: options.caches })
  return { service, tools, installers }
}

/** Services that share a lock file share its packages. */
async function installPackages(prepared: readonly PreparedService[], source: string): Promise<void> {
  const done = new Set<string>()
  for (const { service, tools, installers } of prepared) {
    for (const installer of installers) {
      if (isRepeated(done, [installer.name, installer.folder])) continue
      await install(installer, tools.install)
    }
    if (typeof service.install === 'string') continue
    if (isRepeated(done, [service.directory, service.install.command])) continue
    await userCommand('the installation', service.install.command, service, tools, source)
  }
}

async function runBuildCommands(prepared: readonly PreparedService[], source: string): Promise<void> {
  const done = new Set<string>()
  for (const { service, tools } of prepared) {
    if (service.command === undefined || isRepeated(done, [service.directory, service.command])) continue
    await userCommand('the build', service.command, service, tools, source)
  }
}

function isRepeated(done: Set<string>, facts: readonly string[]): boolean {
  const key = JSON.stringify(facts)
  if (done.has(key)) return true
  done.add(key)
  return false
}

async function userCommand(what: string, command: string, service: BuildService, tools: Tools, source: string) {
  const cwd = join(source, service.directory)
  tools.say(`$ ${command}`)
  const result = await tools.run(shell(command), cwd)
  const warning = await engineWarning(cwd, tools.nodeVersion)
  assertSucceeded(`${what} of ${service.name}`, command, result, warning ?? (await hintFor(result.lastLines, cwd)))
}

/** Production packages are made by removing the others, once all builds are done. */
async function collectPackages(prepared: readonly PreparedService[], source: string, artifact: string): Promise<void> {
  const pruned = new Set<string>()
  const rules = await Promise.all(
    prepared.map(async (one) => ({ ...one, rule: await nodeModulesRule(one.service, source) })),
  )
  const collected = new Set<string>()
  const collect = async (folder: string) => {
    if (!isRepeated(collected, [folder])) await collectNodeModules(folder, source, artifact)
  }
  // 'all' first: afterwards development packages may be gone.
  for (const { service, installers } of rules.filter(({ rule }) => rule === 'all'))
    for (const folder of packageFolders(service, installers, source)) await collect(folder)
  for (const { service, installers, tools } of rules.filter(({ rule }) => rule === 'production')) {
    for (const installer of installers)
      if (!isRepeated(pruned, [installer.name, installer.folder]))
        await pruneDevelopmentPackages(installer, tools.install)
    for (const folder of packageFolders(service, installers, source)) await collect(folder)
  }
}

/** Where Node looks: beside the service, and where a lock file above it put them. */
function packageFolders(service: BuildService, installers: readonly Installer[], source: string): readonly string[] {
  const locks = installers.filter(({ name }) => name !== 'pip').map(({ folder }) => relative(source, folder))
  return [...new Set([...locks, service.directory])]
}

async function hintFor(lines: readonly string[], cwd: string): Promise<string> {
  const text = lines.join('\n')
  const missing = /(?:sh: \d*:?\s*)?([\w./-]+): (?:command )?not found/.exec(text)?.[1]
  if (missing !== undefined) {
    const scripts = await readFile(join(cwd, 'package.json'), 'utf8').catch(() => '')
    if (scripts !== '' && !existsSync(join(cwd, 'node_modules')))
      return `${missing} was not found and no packages are installed: commit a lock file or set build.install`
    return `${missing} was not found: is it among the project's packages, or installed on this machine?`
  }
  const own = /\bsluice\.config\.[mc]?ts\b/.exec(text)?.[0]
  if (own !== undefined && /\bTS\d{4}\b/.test(text))
    return `the project’s own compiler takes ${own} for a part of the application: name it in "exclude" of tsconfig.json, or rename it to sluice.config.mjs`
  if (text.includes('heap out of memory'))
    return 'the build ran out of memory: set NODE_OPTIONS=--max-old-space-size=… in build.env'
  return 'the last lines above say why; the same commands in a clean clone should fail the same way'
}
