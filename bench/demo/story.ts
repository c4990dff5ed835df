import type { Ran } from './sluice.ts'

/** What a command that moves an environment answered, as far as the demonstration reads it. */
export interface Outcome {
  readonly status: string
  readonly deployment: string
  readonly release: string
  readonly previousRelease: string | null
  readonly urls: readonly string[]
  /** Seconds by phase. */
  readonly seconds: Readonly<Record<string, number>>
  readonly reason: string | null
  readonly verdict: { readonly action: string; readonly conclusive: boolean; readonly summary: string } | null
  readonly exitCode: number | null
  readonly wallSeconds: number
}

export function outcomeOf({ code, document, stderr, seconds }: Ran): Outcome {
  if (typeof document['status'] !== 'string' || typeof document['release'] !== 'string') {
    throw new Error(`no outcome was printed (exit code ${code}): ${JSON.stringify(document)}\n${stderr.slice(-2000)}`)
  }
  const { reason, verdict } = document
  return {
    status: document['status'],
    deployment: String(document['deployment']),
    release: document['release'],
    previousRelease: typeof document['previousRelease'] === 'string' ? document['previousRelease'] : null,
    urls: Array.isArray(document['urls']) ? document['urls'].map(String) : [],
    seconds: (document['seconds'] ?? {}) as Record<string, number>,
    reason: reasonOf(reason),
    verdict: typeof verdict === 'object' && verdict !== null ? (verdict as Outcome['verdict']) : null,
    exitCode: code,
    wallSeconds: seconds,
  }
}

function reasonOf(reason: unknown): string | null {
  if (typeof reason === 'string') return reason
  if (typeof reason !== 'object' || reason === null) return null
  const { code, message } = reason as Record<string, unknown>
  return `${String(code)}: ${String(message)}`
}
