const MAX_SEGMENTS = 3
const MAX_CACHED = 2000

/** Route templates of one service: paths with their ids replaced, at most `limit` names, the rest is `*`. */
export interface RouteTemplates {
  /** Name to count a request under at its arrival. */
  of(path: string): string
  /** The template itself, whether it has a name or not. */
  templateOf(path: string): string
  /** Gives the template of a path a name, for later requests. Not done for 404s: a scanner would use the names up. */
  admit(path: string): void
}

export function routeTemplates(limit = 50): RouteTemplates {
  const admitted = new Set<string>()
  const cache = new Map<string, string>()
  const templateOf = (path: string): string => {
    const cached = cache.get(path)
    if (cached !== undefined) return cached
    const template = routeTemplate(path)
    if (cache.size >= MAX_CACHED) cache.clear()
    cache.set(path, template)
    return template
  }
  return {
    templateOf,
    of(path) {
      const template = templateOf(path)
      return admitted.has(template) ? template : '*'
    },
    admit(path) {
      if (admitted.size < limit) admitted.add(templateOf(path))
    },
  }
}

/** `/users/42/posts/7?x=1` → `/users/:id/posts/*`: first segments only, ids replaced, no query. */
export function routeTemplate(path: string): string {
  const query = path.indexOf('?')
  const segments = (query < 0 ? path : path.slice(0, query)).split('/').filter((segment) => segment !== '')
  const named = segments.slice(0, MAX_SEGMENTS).map((segment) => (isId(segment) ? ':id' : segment))
  return `/${named.join('/')}${segments.length > MAX_SEGMENTS ? '/*' : ''}`
}

/** Numbers, UUIDs, hashes and other tokens: long, or hexadecimal with a digit in it. */
function isId(segment: string): boolean {
  if (segment.length > 40) return true
  if (/^\d+$/.test(segment)) return true
  if (segment.length >= 8 && /^[0-9a-f-]+$/i.test(segment) && /\d/.test(segment)) return true
  return segment.length >= 16 && /\d/.test(segment) && !segment.includes('.') && !segment.includes('-')
}
