import { SluiceError } from '../model/error.ts'
import { masker } from '../secrets/mask.ts'
import { listSecretVersions } from '../store/secrets.ts'
import type { LogLine, LogQuery, Target, Witness } from '../targets/target.ts'
import type { EngineContext } from './context.ts'
import { secretContext } from './secret-values.ts'

type Mask = (text: string) => string

/** A target of which no log line, and no line in an error, shows a secret of the environment, whichever version of it. */
export function maskedTarget(
  target: Target,
  environment: string,
  context: Pick<EngineContext, 'database' | 'secrets'>,
): Target {
  const maskNow = async () => masker(await valuesOf(context, environment))
  return {
    ...target,
    fleets: {
      inspect: () => target.fleets.inspect(),
      retire: (release, options) => target.fleets.retire(release, options),
      scale: async (release, counts, options) => {
        try {
          return await target.fleets.scale(release, counts, options)
        } catch (error) {
          throw await maskedError(error, maskNow)
        }
      },
    },
    witness: {
      samples: (query) => target.witness.samples(query),
      ask: (whom, question, options) => target.witness.ask(whom, question, options),
      logs: (query) => maskedLines(target.witness, query, maskNow),
    },
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

async function maskedError(error: unknown, maskNow: () => Promise<Mask>): Promise<unknown> {
  if (!(error instanceof SluiceError) || error.details.logTail === undefined) return error
  const mask = await maskNow()
  const details = maskedValue(error.details, mask) as Readonly<Record<string, unknown>>
  const { code, hint, problems, message, cause } = error
  return new SluiceError(code, mask(message), { ...(hint === undefined ? {} : { hint }), problems, details, cause })
}

function maskedValue(value: unknown, mask: Mask): unknown {
  if (typeof value === 'string') return mask(value)
  if (Array.isArray(value)) return value.map((element) => maskedValue(element, mask))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, child]) => [name, maskedValue(child, mask)]))
}

/** Of every version that was ever set: older releases still run, and their logs stay. */
async function valuesOf(
  { database, secrets }: Pick<EngineContext, 'database' | 'secrets'>,
  environment: string,
): Promise<readonly string[]> {
  const stored = await listSecretVersions(database, environment)
  return stored.flatMap(({ name, ciphertext }) => {
    if (ciphertext === null) return []
    try {
      return [secrets.open(ciphertext, secretContext(environment, name))]
    } catch {
      return [] // under another key file: no process of ours was given it
    }
  })
}
