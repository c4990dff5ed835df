import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { basename, dirname, resolve } from 'node:path'
import type { ApiClient } from '../../api/client/client.ts'
import { findConfigFile } from '../../config/find-file.ts'
import { livingControlPlane } from '../../control/start.ts'
import type { DeployRequest } from '../../model/deploy-request.ts'
import { SluiceError } from '../../model/error.ts'
import type { Source } from '../../model/source.ts'
import type { Context, Handler } from '../command.ts'
import { edgeOption, tellChosenEdge } from '../edge-option.ts'
import { answerOf, followDeployment } from '../follow.ts'
import { resolveProject } from '../project.ts'
import { requested } from '../request.ts'
import { variablesFor } from '../variables.ts'
import { durationMs } from '../words.ts'

interface Options {
  readonly artifact?: string
  readonly commit?: string
  readonly until?: string
  readonly detach?: true
  readonly replace?: true
  readonly timeout?: string
  readonly edge?: string
  readonly var?: string
}

export const deploy: Handler<{ environment: string }, Options> = async ({ args, options }, context) => {
  const named = args.environment
  assertSane(options)
  const timeoutMs = options.timeout === undefined ? null : durationMs(options.timeout, '--timeout')
  const file = await findConfigFile({
    cwd: context.cwd,
    ...(context.configFile === undefined ? {} : { file: context.configFile }),
  })
  const client = await connected(named, edgeOption(options), context)
  const request = await requestFor(named, file, await sourceFor(client, file, options, context), options, context)
  const deployment = await requested(() => client.deploy(request, randomUUID()), context)
  if (context.output === 'text') context.say(`${deployment.id}: ${deployment.strategy} to ${deployment.environment}`)
  if (options.detach === true) return answerOf(deployment, 'started')
  return followDeployment(client, deployment, context, {
    until: options.until === 'serving' ? 'serving' : 'outcome',
    timeoutMs,
  })
}

function assertSane(options: Options): void {
  if (options.until !== undefined && options.until !== 'serving') {
    throw new SluiceError('USAGE', `--until ${options.until} is not known`, { hint: 'write --until serving' })
  }
  if (options.commit !== undefined && options.artifact !== undefined) {
    throw new SluiceError('USAGE', '--commit and --artifact exclude each other', {
      hint: 'an artifact is built already',
    })
  }
}

/** What is asked for: the control plane evaluates the configuration itself. */
async function requestFor(
  named: string,
  file: string,
  source: Source,
  options: Options,
  { environment }: Context,
): Promise<Omit<DeployRequest, 'idempotencyKey'>> {
  const point = named.lastIndexOf('.')
  return {
    environment: named.slice(point + 1),
    ...(point === -1 ? {} : { project: named.slice(0, point) }),
    source,
    variables: variablesFor(await readFile(file, 'utf8'), options.var, environment),
    replace: options.replace === true,
  }
}

/** A control plane on this machine looks at the folder itself; one elsewhere gets what is in it. */
async function sourceFor(client: ApiClient, file: string, options: Options, context: Context): Promise<Source> {
  const { cwd, remote } = context
  const { commit: revision } = options
  const artifact = options.artifact === undefined ? undefined : resolve(cwd, options.artifact)
  if (remote !== null) {
    const { uploadedSource } = await import('../upload.ts')
    const wish = {
      file,
      ...(revision === undefined ? {} : { revision }),
      ...(artifact === undefined ? {} : { artifact }),
    }
    return uploadedSource(client, wish, context)
  }
  const [directory, config] = [dirname(file), basename(file)]
  if (revision !== undefined) return { kind: 'commit', directory, config, revision }
  return { kind: 'folder', directory, config, ...(artifact === undefined ? {} : { artifact }) }
}

/**
 * None is started for a configuration that is wrong: it is looked at here first then. It also says which edge is wanted,
 * which counts when one is started for the first time.
 */
async function connected(named: string, wanted: 'node' | 'haproxy' | null, context: Context): Promise<ApiClient> {
  if (context.remote !== null) {
    if (wanted === null) return context.connect()
    throw new SluiceError('USAGE', '--edge is for a control plane that this command starts', {
      hint: `${context.remote} runs already`,
    })
  }
  const living = await livingControlPlane(context.home)
  if (living === null) {
    const { config } = await resolveProject(context, named)
    const edge = wanted ?? config.edgeImplementation
    return context.connect({ start: true, ...(edge === undefined ? {} : { edge }) })
  }
  if (wanted !== null) await tellChosenEdge(wanted, context)
  return context.connect({ start: true })
}
