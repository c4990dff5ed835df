import type { Handler } from '../command.ts'
import { answerOf } from '../follow.ts'
import { forEnvironment } from '../project.ts'

export const cancel: Handler<{ deployment: string }> = async ({ args }, context) => {
  const client = await context.connect({ start: true })
  const named = args.deployment
  const id = /^d\d+$/.test(named)
    ? named
    : ((await forEnvironment(context, named, (name) => client.environment(name))).deployment?.id ?? named)
  const { json } = answerOf(await client.cancel(id), 'cancelling')
  return { json, text: `${id} was asked to take everything back; follow it with \`sluice status\`` }
}
