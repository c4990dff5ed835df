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

/** The weight moves many times a second while it rises; a reader wants the tens. */
const WORTH_TELLING = 0.1
const JUDGE_SILENT_SECONDS = 10

/** Tells the events of one deployment: one line per change worth telling, null for the rest. */
export function storyteller(): (event: Document) => string | null {
  let weight = Number.NaN
  let judged = { action: '', elapsedSeconds: Number.NEGATIVE_INFINITY }

  const toldWeight = (data: Document): string | null => {
    const now = Number(data['weight'])
    const isNews = Number.isNaN(weight) || now === 0 || now === 1 || now < weight || now - weight >= WORTH_TELLING
    if (!isNews || now === weight) return null
    const fell = now < weight ? textOf(data['why']) : ''
    weight = now
    return `traffic on it: ${percent(now)}${fell}`
  }
  const toldJudge = (data: Document): string | null => {
    const action = String(data['action'])
    const elapsedSeconds = Number(data['elapsedSeconds'])
    if (action === judged.action && elapsedSeconds - judged.elapsedSeconds < JUDGE_SILENT_SECONDS) return null
    judged = { action, elapsedSeconds }
    return `judge: ${action}${textOf(data['reason'])}`
  }

  return (event) => {
    const data = (typeof event['data'] === 'object' && event['data'] !== null ? event['data'] : event) as Document
    switch (event['type']) {
      case 'deployment.state':
      case 'deployment.finished':
        return data['serving'] === true ? 'all traffic is on it' : `→ ${String(data['state'])}`
      case 'deployment.step':
        return data['state'] === 'done' ? `${String(data['name'])}${textOf(data['detail'])}` : null
      case 'deployment.weight':
        return toldWeight(data)
      case 'deployment.judge':
        return toldJudge(data)
      default:
        return null
    }
  }
}

export function percent(share: unknown): string {
  return `${(Number(share) * 100).toFixed(1)} %`
}

function textOf(value: unknown): string {
  return typeof value === 'string' && value !== '' ? `, ${value}` : ''
}
