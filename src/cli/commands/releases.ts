import type { Handler } from '../command.ts'
import { columns } from '../words.ts'

const SHOWN = 50

export const listReleases: Handler = async ({ args }, context) => {
  const client = await context.connect({ start: true })
  const { items } = await client.releases({
    limit: SHOWN,
    ...(args.environment === undefined ? {} : { environment: args.environment }),
  })
  const rows = items.map(({ record, state, deployment }) => [
    record.id,
    record.environment,
    state,
    deployment,
    record.source.commit?.slice(0, 8) ?? record.source.kind,
    record.source.subject ?? '',
    record.createdAt,
  ])
  return { json: { status: 'ok', releases: items }, text: rows.length === 0 ? 'no releases yet' : columns(rows) }
}

export const showRelease: Handler = async ({ args }, context) => {
  const client = await context.connect({ start: true })
  const release = await client.release(args.release ?? '')
  const deployment = await client.deployment(release.deployment)
  const { record, state } = release
  const lines = [
    `${record.id} of ${record.environment}: ${state}`,
    `  source: ${record.source.commit ?? record.source.kind}${record.source.dirty ? ' with uncommitted changes' : ''} ${record.source.subject ?? ''}`,
    `  artifact: ${record.artifact}`,
    `  deployment: ${deployment.id} ${deployment.state}, by ${deployment.by} at ${deployment.createdAt}`,
    ...deployment.differences.map((line) => `  differs: ${line}`),
  ]
  if (deployment.verdict !== null) {
    lines.push(`  verdict: ${deployment.verdict.summary}${deployment.verdict.conclusive ? '' : ' (not conclusive)'}`)
    for (const reason of deployment.verdict.reasons) lines.push(`    ${reason.test}: ${reason.text}`)
    lines.push(`  judge it again: sluice judge replay ${deployment.id}`)
  }
  if (deployment.reason !== null) lines.push(`  reason: ${deployment.reason.message}`)
  return {
    json: { status: 'ok', ...release, verdict: deployment.verdict, differences: deployment.differences },
    text: lines.join('\n'),
  }
}
