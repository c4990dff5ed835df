import { randomUUID } from 'node:crypto'
import type { Handler } from '../command.ts'
import { answerOf, followDeployment } from '../follow.ts'
import { forOwnEnvironment } from '../project.ts'
import { requested } from '../request.ts'
import { duration, durationMs } from '../words.ts'

export const rollback: Handler<
  { environment: string; release?: string },
  { check?: true; reason?: string; detach?: true; timeout?: string }
> = async ({ args, options }, context) => {
  const { environment, release } = args
  const client = await context.connect({ start: true })
  const keyOf = async (name: string) => (await client.environment(name)).key
  if (options.check === true) {
    const check = await forOwnEnvironment(context, environment, keyOf, (name) =>
      client.checkRollback(name, release, context.interrupted),
    )
    const bad = check.possible ? 'warn' : 'FAIL'
    const lines = check.checks.map(({ name, ok, detail }) => `  ${ok ? 'ok  ' : bad} ${name}: ${detail}`)
    const way = check.way === 'warm' ? 'by one weight change' : 'after a launch'
    const last = check.lastSeconds === null ? 'never done here' : `the last one took ${duration(check.lastSeconds)}`
    const text = check.possible
      ? `a rollback from ${check.from} to ${check.to} would work, ${way}; ${last}`
      : 'a rollback would not work'
    return {
      json: { status: check.possible ? 'possible' : 'impossible', ...check },
      text: [text, ...lines].join('\n'),
      exitCode: check.possible ? 0 : 3,
    }
  }
  const timeoutMs = options.timeout === undefined ? null : durationMs(options.timeout, '--timeout')
  const request = {
    ...(release === undefined ? {} : { release }),
    ...(options.reason === undefined ? {} : { reason: options.reason }),
  }
  const deployment = await forOwnEnvironment(context, environment, keyOf, (name) =>
    requested(() => client.rollback({ ...request, environment: name }, randomUUID()), context),
  )
  if (options.detach === true) return answerOf(deployment, 'started')
  return followDeployment(client, deployment, context, { until: 'outcome', timeoutMs })
}
