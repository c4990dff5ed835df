const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

/** First and last of the code points that terminals draw two columns wide (East Asian Wide and Fullwidth). */
const wide: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f], // Hangul Jamo
  [0x2e80, 0x303e], // CJK radicals, punctuation
  [0x3041, 0x33ff], // Kana, Bopomofo, Hangul compatibility, CJK symbols
  [0x3400, 0x4dbf], // CJK extension A
  [0x4e00, 0x9fff], // CJK
  [0xa000, 0xa4cf], // Yi
  [0xa960, 0xa97c], // Hangul Jamo extended
  [0xac00, 0xd7a3], // Hangul
  [0xf900, 0xfaff], // CJK compatibility
  [0xfe10, 0xfe19],
  [0xfe30, 0xfe6b],
  [0xff01, 0xff60], // Fullwidth forms
  [0xffe0, 0xffe6],
  [0x16fe0, 0x18cff], // Tangut
  [0x1aff0, 0x1b2fb], // Kana supplement
  [0x1f200, 0x1f265],
  [0x20000, 0x3fffd], // CJK extensions
]

/** Columns that a terminal gives to a text without control characters. */
export function displayWidth(text: string): number {
  let width = 0
  for (const { segment } of segmenter.segment(text)) width += graphemeWidth(segment)
  return width
}

/** A line that fits; one column is left free, because some terminals wrap when the last one is written. */
export function cut(line: string, columns: number): string {
  if (displayWidth(line) < columns) return line
  const room = Math.max(0, columns - 2)
  let kept = ''
  let width = 0
  for (const { segment } of segmenter.segment(line)) {
    width += graphemeWidth(segment)
    if (width > room) break
    kept += segment
  }
  return `${kept}…`
}

function graphemeWidth(grapheme: string): number {
  const code = grapheme.codePointAt(0) ?? 0
  if (code < 0x300) return 1
  if (/^[\p{Mn}\p{Me}\p{Cf}]+$/u.test(grapheme)) return 0
  const isEmoji = /^\p{Emoji_Presentation}|\uFE0F|^\p{Regional_Indicator}{2}/u.test(grapheme)
  return isEmoji || wide.some(([first, last]) => code >= first && code <= last) ? 2 : 1
}
