import { readdir } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import type { RouteTable } from '../../edge.ts'
import { normalPath } from '../../route-index.ts'

/** Far more than any build has; beyond it files are left to the application. */
const MAX_FILES = 20_000

/**
 * Request paths of all retained assets of an environment. HAProxy cannot try a file and fall back to the
 * application, so it is told which files there are.
 */
export async function assetPathsOf(table: RouteTable): Promise<readonly string[]> {
  const paths = new Set<string>()
  for (const { path, directory } of table.assets) {
    const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => [])
    for (const entry of entries) {
      if (!entry.isFile() || paths.size >= MAX_FILES) continue
      const below = relative(directory, join(entry.parentPath, entry.name)).split(sep).join('/')
      const whole = `${normalPath(path) === '/' ? '' : normalPath(path)}/${below}`
      if (/[\r\n]/.test(whole)) continue
      // Clients differ in which characters they encode: the strict and the lax way are both known.
      paths.add(encodeURI(whole))
      paths.add(whole.split('/').map(encodeURIComponent).join('/'))
    }
  }
  return [...paths]
}
