const MASK = '••••••'

/** Shorter values would mask half of the text. */
const SHORTEST = 4
/** A line of a longer value is told by itself only when it is no ordinary word. */
const SHORTEST_LINE = 8

/** Replaces every occurrence of the values, also as JSON, in a URL, and line by line where they have several. */
export function masker(values: Iterable<string>): (text: string) => string {
  const forms = [...new Set([...values].flatMap(formsOf))]
  if (forms.length === 0) return (text) => text
  const sorted = forms.sort((a, b) => b.length - a.length)
  const pattern = new RegExp(sorted.map((value) => value.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|'), 'g')
  return (text) => text.replace(pattern, MASK)
}

function formsOf(value: string): readonly string[] {
  if (value.length < SHORTEST) return []
  const lines = value
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line.length >= SHORTEST_LINE)
  return [value, JSON.stringify(value).slice(1, -1), urlForm(value), ...lines]
}

function urlForm(value: string): string {
  try {
    return encodeURIComponent(value)
  } catch {
    return value // half of a surrogate pair has no form in a URL
  }
}
