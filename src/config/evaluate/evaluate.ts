import { spawn } from 'node:child_process'
import { dirname } from 'node:path'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { killGroup } from '../../support/run.ts'
import { OUTCOME_FD, type Outcome } from './outcome.ts'

const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js'
const entry = fileURLToPath(new URL(`./process${extension}`, import.meta.url))
/** What is kept of the text that the user's code prints. */
const PRINTED_CHARACTERS = 16_000
/** A configuration of this size is a mistake. */
const OUTCOME_CHARACTERS = 8_000_000
/** Code that collects without end shall end before it takes the machine's memory. */
const MEMORY_MEBIBYTES = 512
/** The last bytes of a process may arrive after the news of its end. */
const LAST_BYTES_MS = 500

export interface EvaluateOptions {
  readonly file: string
  readonly environment?: string
  readonly deadlineMs: number
  readonly signal?: AbortSignal
  /** What the user's code sees as its environment. Absent: all that we see ourselves. */
  readonly env?: Readonly<Record<string, string | undefined>>
}

export type Evaluation =
  | { readonly outcome: Outcome; readonly printed: string }
  | { readonly outcome: null; readonly printed: string; readonly ended: string }
  | { readonly outcome: 'late'; readonly printed: string }

/**
 * Runs a configuration file in a process of its own, which is killed with everything it started when it has answered,
 * at the deadline, and when the signal is aborted (then this rejects with the signal's reason).
 */
export function evaluate({ file, environment, deadlineMs, signal, env }: EvaluateOptions): Promise<Evaluation> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const args = [
      '--no-warnings',
      `--max-old-space-size=${MEMORY_MEBIBYTES}`,
      entry,
      file,
      ...(environment === undefined ? [] : [environment]),
    ]
    const child = spawn(process.execPath, args, {
      cwd: dirname(file),
      detached: true,
      ...(env === undefined ? {} : { env: env as NodeJS.ProcessEnv }),
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    })
    let printed = ''
    let answer = ''
    const keepPrinted = (text: string) => {
      printed = (printed + text).slice(-PRINTED_CHARACTERS)
    }
    child.stdout?.setEncoding('utf8').on('data', keepPrinted)
    child.stderr?.setEncoding('utf8').on('data', keepPrinted)
    const answers = child.stdio[OUTCOME_FD] as Readable
    answers.setEncoding('utf8').on('data', (text: string) => {
      answer += text
      if (answer.includes('\n')) settle(() => resolve(evaluationOf(answer, printed)))
      else if (answer.length > OUTCOME_CHARACTERS) end('an answer of more than 8,000,000 characters')
    })
    const timer = setTimeout(() => settle(() => resolve({ outcome: 'late', printed })), deadlineMs)
    const onAbort = () => settle(() => reject(signal?.reason))
    signal?.addEventListener('abort', onAbort, { once: true })
    child.on('error', (error) => end(error.message))
    child.on('exit', (code, by) => {
      const ended = by === null ? `exit code ${code}` : `signal ${by}`
      if (answers.readableEnded) end(ended)
      else setTimeout(() => end(ended), LAST_BYTES_MS).unref()
      answers.on('end', () => end(ended))
    })

    function end(ended: string) {
      settle(() => resolve({ outcome: null, printed, ended }))
    }

    let isSettled = false
    /** Kills what is left, reads what it printed to its end, and finishes. */
    function settle(finish: () => void) {
      if (isSettled) return
      isSettled = true
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      killGroup(child.pid)
      const close = () => {
        clearTimeout(patience)
        for (const stream of [child.stdout, child.stderr, answers]) stream?.destroy()
        finish()
      }
      // A process that left the group may hold the pipes for ever.
      const patience = setTimeout(close, LAST_BYTES_MS)
      child.once('close', close)
    }
  })
}

/** The descriptor is the user's code's too: what stands there may be anything. */
function evaluationOf(answer: string, printed: string): Evaluation {
  try {
    const outcome: unknown = JSON.parse(answer)
    if (typeof outcome === 'object' && outcome !== null && 'kind' in outcome)
      return { outcome: outcome as Outcome, printed }
  } catch {
    // told below
  }
  return { outcome: null, printed, ended: `something else on descriptor ${OUTCOME_FD}` }
}
