import type { Mask } from '../secrets/mask.ts'
import type { LogLine, LogQuery, Target, Witness } from '../targets/target.ts'
import { type EnvironmentMasks, maskedError } from './environment-masks.ts'

/** A target of which no log line and no error shows what the environment's programs were given and nobody may read. */
export function maskedTarget(target: Target, environment: string, masks: EnvironmentMasks): Target {
  const { fleets, traffic, witness, runner } = target
  const masked = async <Value>(work: Promise<Value>): Promise<Value> => {
    try {
      return await work
    } catch (error) {
      throw maskedError(error, await masks.of(environment))
    }
  }
  return {
    ...target,
    fleets: {
      inspect: () => masked(fleets.inspect()),
      scale: (release, counts, options) => masked(fleets.scale(release, counts, options)),
      retire: (release, options) => masked(fleets.retire(release, options)),
    },
    traffic: {
      shift: (split, options) => masked(traffic.shift(split, options)),
      hold: (order, options) => masked(traffic.hold(order, options)),
      urls: (release) => traffic.urls(release),
      usage: () => masked(traffic.usage()),
    },
    witness: {
      samples: (query) => witness.samples(query),
      ask: (whom, question, options) => masked(witness.ask(whom, question, options)),
      logs: (query) => maskedLines(witness, query, () => masks.of(environment)),
    },
    runner: { run: (release, order, options) => masked(runner.run(release, order, options)) },
    deliver: (artifact, options) => masked(target.deliver(artifact, options)),
    resolve: (settings, options) => masked(target.resolve(settings, options)),
  }
}

/** A release that appears while the log is followed may have secrets that were unknown at its start. */
async function* maskedLines(witness: Witness, query: LogQuery, maskNow: () => Promise<Mask>): AsyncGenerator<LogLine> {
  const seen = new Set<string>()
  let mask: Mask = (text) => text
  for await (const line of witness.logs(query)) {
    if (!seen.has(line.release)) {
      mask = await maskNow()
      seen.add(line.release)
    }
    yield { ...line, line: mask(line.line) }
  }
}
