// Runs one configuration file and writes what it gives to its own descriptor. Nothing else of Sluice is loaded here.
import { writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { loadModule } from './load-module.ts'
import { OUTCOME_FD, type Outcome } from './outcome.ts'
import { userPosition } from './position.ts'
import { unserializable } from './serializable.ts'

const [file = '', environment] = process.argv.slice(2)
process.on('uncaughtException', (error) => finish(thrown(error)))
finish(await evaluate().catch(thrown))

async function evaluate(): Promise<Outcome> {
  const module = await loadModule(file)
  const exported = defaultOf(module)
  if (exported === undefined) return { kind: 'no-default', exports: Object.keys(module) }
  const value: unknown = await (typeof exported === 'function' ? exported({ environment }) : exported)
  const places = unserializable(value, environment)
  return places.length > 0
    ? { kind: 'not-serializable', places }
    : { kind: 'value', value: value ?? null, isFunction: typeof exported === 'function' }
}

/** Compilers that make CommonJS of a module put its default one step deeper. */
function defaultOf(module: Readonly<Record<string, unknown>>): unknown {
  const { default: exported } = module
  const isWrapped = typeof exported === 'object' && exported !== null && '__esModule' in exported
  return isWrapped && 'default' in exported ? exported.default : exported
}

function thrown(error: unknown): Outcome {
  if (!(error instanceof Error)) return { kind: 'threw', message: String(error), at: null }
  const folder = dirname(file)
  const cause = error.cause instanceof Error ? error.cause.message : ''
  const message = error.message.replace(/ imported from \/.*|\nRequire stack:[^]*/, '').slice(0, 2000)
  return { kind: 'threw', message, at: userPosition(error.stack ?? '', folder) ?? userPosition(cause, folder) }
}

/** At once: what the user's code left open must not keep us waiting. */
function finish(outcome: Outcome): never {
  const bytes = Buffer.from(`${JSON.stringify(outcome)}\n`)
  for (let written = 0; written < bytes.length; ) written += writeSync(OUTCOME_FD, bytes, written)
  process.exit(0)
}
