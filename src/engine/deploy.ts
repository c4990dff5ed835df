import type { Actor } from '../model/actor.ts'
import type { DeployRequest } from '../model/deploy-request.ts'
import { SluiceError } from '../model/error.ts'
import type { ReadOptions, ReadSource } from '../sources/sources.ts'
import { type DeploymentRow, findDeployment, findDeploymentByKey } from '../store/deployments.ts'
import { environmentKey } from '../store/environments.ts'
import { findProject, rememberProject } from '../store/projects.ts'
import { findRelease } from '../store/releases.ts'
import type { EngineContext } from './context.ts'
import { requestOf } from './requests.ts'

/** Reads the source, and records the deployment only when nothing is wrong with it; then its workflow starts. */
export async function deploy(
  context: EngineContext,
  actor: Actor,
  request: DeployRequest,
  signal?: AbortSignal,
): Promise<DeploymentRow> {
  const { idempotencyKey } = request
  const known = idempotencyKey === undefined ? undefined : await findDeploymentByKey(context.database, idempotencyKey)
  const row = known ?? (await record(context, actor, request, signal))
  await context.workflows.start('deploy', row.id, row.id)
  return row
}

async function record(
  context: EngineContext,
  actor: Actor,
  request: DeployRequest,
  signal: AbortSignal | undefined,
): Promise<DeploymentRow> {
  const { read, artifact } = await readSource(context, request, signal)
  const { order, printed } = read
  const { config, source, projectDir } = order
  const { row, isNew } = await context.journal.create(
    {
      environment: environmentKey(config.project, config.environment),
      strategy: config.strategy.name,
      request: { kind: 'deploy', request: order, actor },
      idempotencyKey: request.idempotencyKey ?? null,
    },
    artifact === null ? {} : { artifact },
  )
  if (!isNew) return row
  if (source.release === undefined && source.upload === undefined) {
    const { repository } = read
    await rememberProject(context.database, { name: config.project, directory: projectDir, repository })
  }
  const lines = printed.trimEnd().split('\n')
  if (printed.trim() !== '') await context.journal.tell(row.id, 'deployment.log', { source: 'configuration', lines })
  return row
}

async function readSource(
  context: EngineContext,
  request: DeployRequest,
  signal: AbortSignal | undefined,
): Promise<{ readonly read: ReadSource; readonly artifact: string | null }> {
  const { sources, database } = context
  const { source, project } = request
  const known = project === undefined ? undefined : await findProject(database, project)
  const options: ReadOptions = {
    knownDirectory: known?.directory ?? null,
    ...(signal === undefined ? {} : { signal }),
  }
  if (source.kind !== 'release') return { read: await sources.read(request, options), artifact: null }
  const release = await findRelease(database, source.release)
  const origin = release === undefined ? undefined : await findDeployment(database, release.deployment)
  if (release === undefined || origin === undefined) {
    throw new SluiceError('RELEASE_UNKNOWN', `there is no release ${source.release}`, {
      hint: 'see `sluice releases list`',
    })
  }
  const { artifact } = release.record
  if ((await context.artifacts.get(artifact)) === null) {
    throw new SluiceError('ARTIFACT_MISSING', `the artifact of ${source.release} was pruned`, {
      hint: 'deploy its commit: that builds it again',
    })
  }
  const ofProject = { ...request, project: project ?? release.record.project }
  return { read: await sources.readAgain(ofProject, requestOf(origin.request), options), artifact }
}
