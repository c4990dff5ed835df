import type { Document, Ran } from './sluice.ts'

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

/** One line per change worth telling; null for the rest. */
export function told(event: Document): string | null {
  const data = (typeof event['data'] === 'object' && event['data'] !== null ? event['data'] : event) as Document
  switch (event['type']) {
    case 'deployment.state':
    case 'deployment.finished':
      return data['serving'] === true ? 'all traffic is on it' : `→ ${String(data['state'])}`
    case 'deployment.step':
      return data['state'] === 'done' ? `${String(data['name'])}${textOf(data['detail'])}` : null
    case 'deployment.weight':
      return `traffic on it: ${percent(data['weight'])}${textOf(data['why'])}`
    case 'deployment.judge':
      return `judge: ${String(data['action'])}${textOf(data['reason'])}`
    default:
      return null
  }
}

export function percent(share: unknown): string {
  return `${(Number(share) * 100).toFixed(1)} %`
}

function textOf(value: unknown): string {
  return typeof value === 'string' && value !== '' ? `, ${value}` : ''
}
