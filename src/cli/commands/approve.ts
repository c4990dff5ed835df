import type { Handler } from '../command.ts'
import { answerOf } from '../follow.ts'

export const approve: Handler<{ deployment: string; option?: string }, { rollBack?: true }> = async (
  { args, options },
  context,
) => {
  const client = await context.connect({ start: true })
  const answer = args.option ?? (options.rollBack === true ? 'roll-back' : 'promote')
  const { json } = answerOf(await client.answer(args.deployment, answer), 'answered')
  return { json, text: `${args.deployment} was answered: ${answer}` }
}
