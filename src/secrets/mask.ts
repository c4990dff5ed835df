const MASK = '••••••'

/** Replaces every occurrence of the values; values under 4 characters would mask half of the text and stay. */
export function masker(values: Iterable<string>): (text: string) => string {
  const sorted = [...new Set(values)].filter((value) => value.length >= 4).sort((a, b) => b.length - a.length)
  if (sorted.length === 0) return (text) => text
  const pattern = new RegExp(sorted.map((value) => value.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|'), 'g')
  return (text) => text.replace(pattern, MASK)
}
