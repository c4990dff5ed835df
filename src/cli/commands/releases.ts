import type { ReleaseRecord } from '../../model/release.ts'
import type { Handler } from '../command.ts'
import { forEnvironment } from '../project.ts'
import { dossierLines, replayCommand } from '../verdict.ts'
import { columns } from '../words.ts'

const SHOWN = 50

export const listReleases: Handler<{ environment?: string }> = async ({ args }, context) => {
  const client = await context.connect({ start: true })
  const { items } =
    args.environment === undefined
      ? await client.releases({ limit: SHOWN })
      : await forEnvironment(context, args.environment, (environment) => client.releases({ limit: SHOWN, environment }))
  const rows = items.map(({ record, state, deployment }) => [
    record.id,
    record.environment,
    state,
    deployment,
    record.source.commit?.slice(0, 8) ?? (record.source.kind === 'directory' ? 'artifact' : 'folder'),
    record.source.subject ?? '',
    record.createdAt,
  ])
  return { json: { status: 'ok', releases: items }, text: rows.length === 0 ? 'no releases yet' : columns(rows) }
}

export const showRelease: Handler<{ release: string }> = async ({ args }, context) => {
  const client = await context.connect({ start: true })
  const release = await client.release(args.release)
  const deployment = await client.deployment(release.deployment)
  const { record, state } = release
  const lines = [
    `${record.id} of ${record.environment}: ${state}`,
    `  source: ${sourceOf(record.source)}`,
    `  artifact: ${record.artifact}`,
    `  deployment: ${deployment.id} ${deployment.state}, by ${deployment.by} at ${deployment.createdAt}`,
    ...dossierLines(deployment).map((line) => `  ${line}`),
  ]
  if (deployment.reason !== null) lines.push(`  reason: ${deployment.reason.message}`)
  return {
    json: {
      status: 'ok',
      ...release,
      verdict: deployment.verdict,
      replay: replayCommand(deployment),
      differences: deployment.differences,
      reason: deployment.reason,
    },
    text: lines.join('\n'),
  }
}

function sourceOf({ kind, commit, dirty, subject }: ReleaseRecord['source']): string {
  if (kind === 'directory') return 'output built elsewhere'
  if (commit === null) return 'a folder without a commit'
  return `${commit}${dirty ? ' with uncommitted changes' : ''} ${subject ?? ''}`.trimEnd()
}
