import type { Config } from '../document.ts'
import { isRecord } from '../path.ts'

const WIDTH = 100

/** Told beside the keys that people ask about. */
const comments: Readonly<Record<string, string>> = {
  PROTOCOL_HEADER: 'The edge speaks for the browser: without these two, form posts fail the cross-site check.',
  KEEP_ALIVE_TIMEOUT: 'Longer than the edge keeps connections, so that it never writes into one that closes.',
  database: 'A PostgreSQL for each environment, handed over as DATABASE_URL.',
  fallback: 'Served for paths of the application’s own router.',
}

/** A `sluice.config.ts` (or `.mjs`: the text is the same) that a person goes on with. */
export function renderModule(config: Config): string {
  return `import { defineConfig } from 'sluice'\n\nexport default defineConfig(${render(config, 0)})\n`
}

export function renderJson(config: Config): string {
  return `${JSON.stringify(config, null, 2)}\n`
}

function render(value: unknown, depth: number): string {
  if (!isRecord(value)) return inline(value)
  const entries = Object.entries(value)
  const short = inline(value)
  const isCommented = entries.some(([key]) => commentFor(key) !== undefined)
  const isDeep = depth > 1 || (depth === 1 && !entries.some(([, child]) => isRecord(child)))
  if (isDeep && !isCommented && depth * 2 + short.length <= WIDTH) return short
  const indent = '  '.repeat(depth + 1)
  const lines = entries.map(([key, child]) => {
    const comment = commentFor(key)
    const above = comment === undefined ? '' : `${indent}// ${comment}\n`
    return `${above}${indent}${keyText(key)}: ${render(child, depth + 1)},\n`
  })
  return `{\n${lines.join('')}${'  '.repeat(depth)}}`
}

function commentFor(key: string): string | undefined {
  return comments[key] ?? Object.entries(comments).find(([name]) => /^[A-Z_]+$/.test(name) && key.endsWith(name))?.[1]
}

function inline(value: unknown): string {
  if (typeof value === 'string') return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
  if (Array.isArray(value)) return `[${value.map(inline).join(', ')}]`
  if (!isRecord(value)) return JSON.stringify(value)
  const entries = Object.entries(value)
  return entries.length === 0
    ? '{}'
    : `{ ${entries.map(([key, child]) => `${keyText(key)}: ${inline(child)}`).join(', ')} }`
}

function keyText(key: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(key) ? key : inline(key)
}
