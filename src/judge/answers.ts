import type { Sample } from '../model/sample.ts'

/** Requests of an increment that came to an end, whatever end. */
export function answersOf(sample: Sample): number {
  let answers = 0
  for (const name in sample.statusClasses)
    answers += sample.statusClasses[name as keyof typeof sample.statusClasses] ?? 0
  return answers
}
