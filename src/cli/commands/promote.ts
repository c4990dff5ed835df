import type { Handler } from '../command.ts'
import { answerOf } from '../follow.ts'
import { forEnvironment } from '../project.ts'

export const promote: Handler<{ environment: string }> = async ({ args }, context) => {
  const client = await context.connect({ start: true })
  const { deployment, unknown } = await forEnvironment(context, args.environment, (name) => client.promote(name))
  const { json } = answerOf(deployment, 'promoting')
  return {
    json: { ...json, unknown },
    text: [
      `${deployment.id} goes on without waiting any longer; follow it with \`sluice status\`. What is unknown then:`,
      ...unknown.map((line) => `  ${line}`),
    ].join('\n'),
  }
}
