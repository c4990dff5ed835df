import type { SourceFile } from './project-folder.ts'

const pattern = /['"`](\/(?:api\/)?(?:health|healthz|livez|readyz|ready|ping|status|up)(?:check)?)['"`]/

/** A path that a server answers for this purpose, as its source names it. */
export function healthPathIn(sources: readonly SourceFile[]): string | null {
  for (const { text } of sources) {
    const found = pattern.exec(text)?.[1]
    if (found !== undefined) return found
  }
  return null
}
