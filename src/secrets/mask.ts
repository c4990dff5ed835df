import { CUT_MARK } from '../support/lines.ts'
import { MASK, maskUrls } from './credentials.ts'

export type Mask = (text: string) => string

/** Shorter values would mask half of the text. */
const SHORTEST = 4
/** A line of a longer value is told by itself only when it is no ordinary word. */
const SHORTEST_LINE = 8

/**
 * Replaces every occurrence of the values, also as JSON, in a URL, line by line where they have several, and the
 * beginning of one where a long line was cut in the middle of it; passwords of URLs go, known or not.
 */
export function masker(values: Iterable<string>): Mask {
  const forms = [...new Set([...values].flatMap(formsOf))].sort((a, b) => b.length - a.length)
  if (forms.length === 0) return maskUrls
  const pattern = new RegExp(forms.map((value) => value.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|'), 'g')
  const replaced = (text: string) => maskUrls(text.replace(pattern, MASK))
  return (text) => {
    const cut = CUT_MARK.exec(text)
    if (cut === null) return replaced(text)
    return `${withoutBeginning(replaced(text.slice(0, cut.index)), forms)}${cut[0]}`
  }
}

function withoutBeginning(text: string, forms: readonly string[]): string {
  const lengths = forms.map((form) => {
    for (let length = Math.min(form.length - 1, text.length); length >= SHORTEST; length--) {
      if (text.endsWith(form.slice(0, length))) return length
    }
    return 0
  })
  const longest = Math.max(0, ...lengths)
  return longest === 0 ? text : `${text.slice(0, -longest)}${MASK}`
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
