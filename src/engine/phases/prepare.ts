import type { ReleaseRecord, ReleaseTarget } from '../../model/release.ts'
import { credentialsIn } from '../../secrets/credentials.ts'
import { getEnvironment } from '../../store/environments.ts'
import { jsonb } from '../../store/jsonb.ts'
import { findRelease, writeRelease } from '../../store/releases.ts'
import { listNewestSecrets } from '../../store/secrets.ts'
import { within } from '../../support/deadline.ts'
import type { EngineContext } from '../context.ts'
import { assertSecretExists } from '../database-urls.ts'
import { describeDifferences } from '../differences.ts'
import { maskedError } from '../environment-masks.ts'
import { patienceWith } from '../patience.ts'
import type { Phase } from '../phase.ts'
import { requestOf } from '../requests.ts'
import { toldLines } from '../told-lines.ts'

/** From a source to a release record. */
export const prepare: Phase = {
  name: 'prepare',
  state: 'preparing',
  interrupt: 'now',
  run: async (context, flow, work) => {
    const artifact = await flow.step('prepare: build', () => buildArtifact(context, work.deployment))
    await flow.step('prepare: record', () => recordRelease(context, work.deployment, artifact))
    return work
  },
}

/** Builds the artifact, or finds the one that the same source and settings gave before. */
async function buildArtifact(context: EngineContext, deployment: string): Promise<string> {
  const row = await context.journal.move(deployment, 'preparing')
  const request = requestOf(row.request)
  return context.journal
    .step(
      deployment,
      'build',
      async () => {
        assertSecretExists(
          row.environment,
          request.config.database,
          await newestSecretVersions(context, row.environment),
        )
        if (row.artifact !== null) return { id: row.artifact, reused: true, seconds: 0 }
        const { artifact, reused, seconds } = await context.mailbox.heed(deployment, async (signal) => {
          const lines = toldLines(context, deployment, 'build')
          const mask = await context.masks.of(row.environment, credentialsIn(request.config.build.env))
          try {
            return await context.builder.build({
              projectDir: request.projectDir,
              // What came over the network is a plain folder, whatever commit it was.
              commit: request.source.upload === undefined ? request.source.commit : null,
              ...(request.source.tree === undefined ? {} : { tree: request.source.tree }),
              dirty: request.source.dirty,
              artifactDir: request.source.artifactDir,
              ...request.config.build,
              signal,
              onLine: (line) => lines.add(mask(line)),
            })
          } catch (error) {
            throw maskedError(error, mask)
          } finally {
            await lines.flush()
          }
        })
        await context.journal.set(deployment, { artifact: artifact.id })
        return { id: artifact.id, reused, seconds }
      },
      ({ id, reused, seconds }) =>
        reused ? `reused ${id.slice(0, 12)}` : `${id.slice(0, 12)} in ${seconds.toFixed(1)} s`,
    )
    .then(({ id }) => id)
}

/** Writes the release record: from here on nothing of it changes. */
async function recordRelease(context: EngineContext, deployment: string, artifact: string): Promise<string> {
  const { database, journal } = context
  const row = await journal.load(deployment)
  const request = requestOf(row.request)
  const environment = await getEnvironment(database, row.environment)
  const { config, source } = request
  const record: Omit<ReleaseRecord, 'id'> = {
    environment: row.environment,
    project: config.project,
    artifact,
    source: {
      kind: source.artifactDir === null ? 'git' : 'directory',
      commit: source.commit,
      dirty: source.dirty,
      branch: source.branch,
      subject: source.subject,
    },
    services: config.services,
    target: await resolveTarget(context, row.environment, config.target),
    keepAssetsOfReleases: config.keepAssetsOfReleases,
    stickiness: config.stickiness,
    secrets: await newestSecretVersions(context, row.environment),
    database: config.database,
    schema: null,
    keepReleases: config.keepReleases,
    createdAt: context.clock.now().toISOString(),
  }
  const written = await writeRelease(database, deployment, record)
  const previous = environment.release === null ? undefined : await findRelease(database, environment.release)
  await journal.set(deployment, {
    release: written.id,
    previous_release: environment.release,
    differences: jsonb(await describeDifferences(context, previous?.record ?? null, written)),
  })
  return written.id
}

async function resolveTarget(
  context: EngineContext,
  environment: string,
  wanted: ReleaseTarget,
): Promise<ReleaseTarget> {
  const target = await context.targets.place(environment, wanted)
  const { shiftMs: deadlineMs } = patienceWith(target.capabilities)
  const limits = { deadlineMs, clock: context.clock }
  const settings = await within(`looking for what ${environment} needs`, limits, (signal) =>
    target.resolve(wanted.settings, { signal, deadlineMs }),
  )
  return { ...wanted, settings }
}

async function newestSecretVersions(context: EngineContext, environment: string): Promise<Record<string, number>> {
  const secrets = await listNewestSecrets(context.database, environment)
  return Object.fromEntries(
    secrets.filter((secret) => secret.ciphertext !== null).map((secret) => [secret.name, secret.version]),
  )
}
