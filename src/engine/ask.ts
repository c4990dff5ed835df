import type { Question } from '../model/activity.ts'
import type { Actor } from '../model/actor.ts'
import { SluiceError } from '../model/error.ts'

/** Throws when this actor may not give this answer now: nothing is asked, it is too late, or another is wanted. */
export function assertAnswer(
  activity: string,
  question: Question | null,
  given: { readonly actor: Actor; readonly option: string; readonly now: Date },
): void {
  const { actor, option, now } = given
  if (question === null) {
    throw new SluiceError('STATE_CONFLICT', `${activity} asks nothing`, {
      hint: `see \`sluice status\`; \`sluice promote\` ends the wait of a canary or a bake, \`sluice rollback\` goes back`,
    })
  }
  if (now.getTime() > Date.parse(question.deadline)) {
    throw new SluiceError(
      'STATE_CONFLICT',
      `the question of ${activity} could be answered until ${question.deadline}`,
      {
        hint: 'what happens without an answer is under way; see `sluice status`',
      },
    )
  }
  if (question.who !== null && !question.who.includes(actor.id)) {
    throw new SluiceError('NOT_ALLOWED', `${actor.name} may not answer the question of ${activity}`, {
      hint: `these may: ${question.who.join(', ')}`,
    })
  }
  if (!question.options.includes(option)) {
    throw new SluiceError('USAGE', `${option} is no answer to the question of ${activity}`, {
      hint: `the answers are: ${question.options.join(', ')}`,
    })
  }
}
