import type { ResolvedConfig } from '../model/resolved-config.ts'
import { maskText, maskVariable } from '../secrets/credentials.ts'
import { isRecord } from './path.ts'

/** The resolved configuration as it may be shown: whatever looks like a credential is masked. */
export function printableConfig(config: ResolvedConfig): ResolvedConfig {
  return masked(config) as ResolvedConfig
}

function masked(value: unknown, isEnv = false): unknown {
  if (typeof value === 'string') return maskText(value)
  if (Array.isArray(value)) return value.map((element) => masked(element))
  if (!isRecord(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, child]) => [
      name,
      isEnv && typeof child === 'string' ? maskVariable(name, child) : masked(child, name === 'env'),
    ]),
  )
}
