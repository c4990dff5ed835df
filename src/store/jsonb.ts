/**
 * JSON as a `jsonb` column takes it. PostgreSQL refuses NUL and halves of surrogate pairs, both of which logs of builds
 * and applications hold: they become U+FFFD, as a decoder would show them.
 */
export function jsonb(value: unknown): string {
  return JSON.stringify(value, (_key, entry: unknown) => (typeof entry === 'string' ? storableText(entry) : entry))
}

/** Text as a `text` column takes it. */
export function storableText(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\ufffd')
}
