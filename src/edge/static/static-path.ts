import { realpath } from 'node:fs/promises'
import { join, sep } from 'node:path'

/**
 * The place below `root` that a request path names, null when it names none: `..`, encoded slashes, NUL and
 * backslashes are refused and not repaired, as no honest client sends them.
 */
export function placeBelow(root: string, requestPath: string): string | null {
  const query = requestPath.search(/[?#]/)
  const raw = query < 0 ? requestPath : requestPath.slice(0, query)
  let path: string
  try {
    path = decodeURIComponent(raw)
  } catch {
    return null
  }
  if (!path.startsWith('/') || path.includes('\0') || path.includes('\\')) return null
  if (/%2f/i.test(raw) || path.split('/').includes('..')) return null
  const place = join(root, path)
  return isInside(root, place) ? place : null
}

/** The file with all links followed, null when it leads out of `root` or nowhere. */
export async function realPlace(root: string, place: string): Promise<string | null> {
  try {
    const [realRoot, real] = await Promise.all([realpath(root), realpath(place)])
    return isInside(realRoot, real) ? real : null
  } catch {
    return null
  }
}

function isInside(root: string, place: string): boolean {
  return place === root || place.startsWith(root.endsWith(sep) ? root : root + sep)
}
