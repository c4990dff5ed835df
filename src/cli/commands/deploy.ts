import { randomUUID } from 'node:crypto'
import { resolve } from 'node:path'
import { livingControlPlane } from '../../control/start.ts'
import { SluiceError } from '../../model/error.ts'
import type { Handler } from '../command.ts'
import { edgeOption, tellChosenEdge } from '../edge-option.ts'
import { answerOf, followDeployment } from '../follow.ts'
import { resolveProject } from '../project.ts'
import { requested } from '../request.ts'
import { sourceOf } from '../source.ts'
import { durationMs } from '../words.ts'

export const deploy: Handler = async ({ args, options }, context) => {
  const named = args.environment ?? ''
  if (options.until !== undefined && options.until !== 'serving') {
    throw new SluiceError('USAGE', `--until ${String(options.until)} is not known`, { hint: 'write --until serving' })
  }
  if (options.commit !== undefined && options.artifact !== undefined) {
    throw new SluiceError('USAGE', '--commit and --artifact exclude each other', {
      hint: 'an artifact is built already',
    })
  }
  const timeoutMs = typeof options.timeout === 'string' ? durationMs(options.timeout, '--timeout') : null
  const wantedEdge = edgeOption(options)
  const living = await livingControlPlane(context.home)
  if (living !== null && wantedEdge !== null) await tellChosenEdge(wantedEdge, context)
  // A control plane that lives is asked while the configuration is read; one that is absent waits for its edge's name.
  const connecting = living === null ? null : context.connect({ start: true })
  connecting?.catch(() => {}) // reported below, unless the configuration is wrong first
  const { config, projectDir } = await resolveProject(context, named)
  const edge = wantedEdge ?? config.edgeImplementation
  const commit = typeof options.commit === 'string' ? options.commit : null
  const source = await sourceOf(projectDir, commit, context.environment)
  const artifactDir = typeof options.artifact === 'string' ? resolve(context.cwd, options.artifact) : null
  if (config.requireClean && source.dirty && artifactDir === null) {
    throw new SluiceError('TREE_DIRTY', 'the working tree has changes that no commit holds', {
      hint: `commit them, or set requireClean: false for ${config.environment}`,
    })
  }
  const client = await (connecting ?? context.connect({ start: true, ...(edge === undefined ? {} : { edge }) }))
  const replace = options.replace === true
  const request = { config, projectDir, source: { ...source, artifactDir }, replace }
  const deployment = await requested(() => client.deploy(request, randomUUID()), context)
  if (context.output === 'text') context.say(`${deployment.id}: ${config.strategy.name} to ${deployment.environment}`)
  if (options.detach === true) return answerOf(deployment, 'started')
  return followDeployment(client, deployment, context, {
    until: options.until === 'serving' ? 'serving' : 'outcome',
    timeoutMs,
  })
}
