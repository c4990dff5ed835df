/**
 * Tries with a time limit, and with twice the limit until the result tells what it is about: how long a program needs to
 * start is a matter of the machine. The last result is given back as it is, for the test to say what is wrong with it.
 */
export async function patiently<Result>(
  limitMs: number,
  attempt: (limitMs: number) => Promise<Result>,
  isTelling: (result: Result) => boolean,
): Promise<Result> {
  const result = await attempt(limitMs)
  return isTelling(result) || limitMs > 30_000 ? result : patiently(2 * limitMs, attempt, isTelling)
}
