import { spawn } from 'node:child_process'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'

/** A JSON document that the command line printed. */
export type Document = Readonly<Record<string, unknown>>

export interface Ran {
  readonly code: number | null
  /** The one document of `--json`, or the last line of `--output ndjson`. */
  readonly document: Document
  readonly stderr: string
  readonly seconds: number
}

export interface SluiceOptions {
  readonly home: string
  readonly projectDir: string
  readonly signal: AbortSignal
}

const bin = resolve(import.meta.dirname, '../../bin/sluice')

/** The real command line as a child process, the way a script of a user would call it. */
export class Sluice {
  readonly #options: SluiceOptions

  constructor(options: SluiceOptions) {
    this.#options = options
  }

  /** One command with `--json`. */
  json(args: readonly string[], timeoutMs = 120_000): Promise<Ran> {
    return this.#run([...args, '--json'], timeoutMs, () => {})
  }

  /** One command with `--output ndjson`; every line but the last is an event. */
  stream(args: readonly string[], onEvent: (event: Document) => void, timeoutMs = 600_000): Promise<Ran> {
    return this.#run([...args, '--output', 'ndjson'], timeoutMs, onEvent)
  }

  async #run(args: readonly string[], timeoutMs: number, onLine: (line: Document) => void): Promise<Ran> {
    const { home, projectDir, signal } = this.#options
    const startedAt = performance.now()
    const child = spawn(process.execPath, [bin, ...args], {
      cwd: projectDir,
      env: { ...withoutSluice(process.env), SLUICE_HOME: home, CI: 'true' },
      stdio: ['ignore', 'pipe', 'pipe'],
      // Ctrl-C in a terminal is for the demonstration, which passes it on where it has to.
      detached: true,
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    })
    let stderr = ''
    child.stderr.on('data', (chunk: Buffer) => {
      stderr = (stderr + chunk.toString()).slice(-64_000)
    })
    let document: Document = {}
    const lines = createInterface({ input: child.stdout, crlfDelay: Number.POSITIVE_INFINITY })
    let whole = ''
    lines.on('line', (line) => {
      whole += `${line}\n`
      const parsed = parse(line)
      if (parsed === null) return
      onLine(parsed)
      document = parsed
    })
    const code = await new Promise<number | null>((done, failed) => {
      child.on('error', failed)
      child.on('close', done)
    })
    if (!args.includes('ndjson')) document = parse(whole) ?? { unreadable: whole }
    return { code, document, stderr, seconds: (performance.now() - startedAt) / 1000 }
  }
}

function parse(text: string): Document | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Document) : null
  } catch {
    return null
  }
}

/** The demonstration has a home of its own, whatever the caller works with. */
function withoutSluice(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(environment).filter(([name]) => !name.startsWith('SLUICE_') && name !== 'DATABASE_URL'),
  )
}
