import { relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

/** `sluice.config.ts:12:9`: the first place of a stack that the user wrote; null where none is. */
export function userPosition(stack: string, projectDir: string): string | null {
  for (const match of stack.matchAll(/(?:at .*?\(?|^\s*)((?:file:\/\/)?\/[^\s()]+?):(\d+)(?::(\d+))?\)?$/gm)) {
    const [, place = '', line, column] = match
    const path = place.startsWith('file:') ? pathOf(place) : place
    const inside = relative(projectDir, path)
    if (inside === '' || inside.startsWith('..') || inside.split(sep).includes('node_modules')) continue
    return [inside, line, column].filter((part) => part !== undefined).join(':')
  }
  return null
}

function pathOf(url: string): string {
  try {
    return fileURLToPath(url.replace(/\?.*$/, ''))
  } catch {
    return url
  }
}
