import type { Environment } from '../../engine/engine.ts'
import type { Waiting } from '../../model/activity.ts'
import type { Context, Handler } from '../command.ts'
import { livingHere } from '../living-here.ts'
import { forEnvironment } from '../project.ts'
import { dossierLines, replayCommand } from '../verdict.ts'
import { percent } from '../words.ts'

export const status: Handler<{ environment?: string }> = async ({ args }, context) => {
  const living = context.remote === null ? await livingHere(context.home) : await there(context)
  if (living === null) {
    return {
      json: { status: 'ok', controlPlane: { pid: null, running: false }, environments: [] },
      text: `no control plane runs on ${context.home.root}; what it had started is served on, unless \`sluice down --all\` stopped it. Start it with \`sluice up\``,
    }
  }
  const client = await context.connect()
  const environments =
    args.environment === undefined
      ? await client.environments()
      : [await forEnvironment(context, args.environment, (name) => client.environment(name))]
  return {
    json: {
      status: 'ok',
      controlPlane: { pid: living.pid, running: true, version: living.version },
      environments: environments.map((environment) => ({
        name: environment.name,
        key: environment.key,
        release: environment.release,
        warmRelease: environment.warmRelease,
        urls: environment.urls,
        holds: environment.holds,
        fleets: environment.fleets,
        deployment:
          environment.deployment === null
            ? null
            : {
                id: environment.deployment.id,
                state: environment.deployment.state,
                running: environment.deployment.running,
                weight: environment.deployment.weight,
                question: environment.deployment.question,
                waiting: environment.deployment.waiting,
                verdict: environment.deployment.verdict,
                replay: replayCommand(environment.deployment),
                differences: environment.deployment.differences,
                reason: environment.deployment.reason,
              },
      })),
    },
    text: [
      `control plane ${living.version}, process ${living.pid}`,
      ...(environments.length === 0
        ? ['nothing was deployed yet: `sluice deploy <environment>`']
        : environments.map((environment) => describe(environment, args.environment !== undefined))),
    ].join('\n'),
  }
}

const said = { off: 'serves', wait: 'makes requests wait', maintenance: 'shows the maintenance page' }

async function there(context: Context): Promise<{ readonly pid: number; readonly version: string }> {
  return (await context.connect()).control(context.interrupted)
}

function waitingText({ reason, until }: Waiting): string {
  return until === null ? reason : `${reason}, until ${until}`
}

/** `isWhole`: with everything that the last deployment was judged by. */
function describe(environment: Environment, isWhole: boolean): string {
  const lines = [`${environment.key}: ${environment.release ?? 'nothing'} ${environment.urls.join(' ')}`]
  for (const { service = 'every other service', mode } of environment.holds) {
    lines.push(`  ${service} ${said[mode]}`)
  }
  for (const fleet of environment.fleets) {
    const ready = fleet.instances.filter((instance) => instance.state === 'ready').length
    lines.push(`  ${fleet.release}: ${ready} of ${fleet.instances.length} instances ready`)
    for (const instance of fleet.instances) {
      if (instance.state !== 'ready') lines.push(`    ${instance.id}: ${instance.state}, ${instance.restarts} restarts`)
    }
  }
  const { deployment } = environment
  if (deployment !== null) {
    const weight = deployment.running
      ? `, ${percent(deployment.weight)} on ${deployment.release ?? 'the new release'}`
      : ''
    lines.push(`  ${deployment.id} ${deployment.state}${weight}`)
    if (deployment.waiting !== null) lines.push(`    ${waitingText(deployment.waiting)}`)
    if (isWhole) lines.push(...dossierLines(deployment).map((line) => `    ${line}`))
    else if (deployment.verdict !== null) lines.push(`    verdict: ${deployment.verdict.summary}`)
    if (deployment.reason !== null) lines.push(`    reason: ${deployment.reason.message}`)
    if (deployment.question !== null) {
      lines.push(
        `    asked: ${deployment.question.text} (until ${deployment.question.deadline}); \`sluice approve ${deployment.id}\` [--roll-back]`,
      )
    }
  }
  return lines.join('\n')
}
