import { readFileSync } from 'node:fs'

/** Version of the package that this code belongs to: an edge of another version is replaced without a lost connection. */
export function edgeVersion(): string {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')
  return String(JSON.parse(text).version)
}
