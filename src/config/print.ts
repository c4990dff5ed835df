import type { ResolvedConfig } from '../model/resolved-config.ts'
import { shown, shownDatabase } from '../secrets/shown.ts'

/** The resolved configuration as it may be shown: variables only where they are harmless, nothing that looks like a credential. */
export function printableConfig(config: ResolvedConfig): ResolvedConfig {
  return { ...shown(config), database: shownDatabase(config.database) }
}
