import type { ReleaseDatabase, ReleaseRecord } from '../model/release.ts'
import {
  isCredential,
  isPlainUser,
  isSecretValue,
  MASK,
  maskConnectionString,
  maskCredentials,
  maskText,
  wordsOf,
} from './credentials.ts'
import { hasHarmlessForm, isPlainWord, isSettingName } from './harmless.ts'

/**
 * What readers are shown of what was configured. Nobody knows what a variable of an application holds, so its value is
 * shown only where it is plainly harmless, and of everything else what looks like a credential goes.
 */

/** A variable's value as it may be shown: settings as they are, addresses without what lets one in, else the mask. */
export function shownVariable(name: string, value: string): string {
  if (isCredential(name, value)) return MASK
  if (hasHarmlessForm(value)) return value
  if (isSettingName(wordsOf(name)) && isPlainWord(value)) return value
  return shownAddress(value) ?? MASK
}

/** A release's record, or any other of what is configured, by the same rule. */
export function shownRelease(record: ReleaseRecord): ReleaseRecord {
  return { ...record, services: shown(record.services), database: shownDatabase(record.database) }
}

export function shownDatabase(database: ReleaseDatabase | null): ReleaseDatabase | null {
  if (database === null) return null
  const { url, release } = database
  return {
    ...database,
    ...(typeof url === 'string' ? { url: maskConnectionString(url) } : {}),
    ...(release === undefined ? {} : { release: maskText(release) }),
  }
}

/** Every text inside of a value, and every variable of an `env`, as it may be shown. */
export function shown<Value>(value: Value): Value {
  return walk(value, maskText) as Value
}

/** Every text inside of a value without what looks like a credential; what is one as a whole may be a hash and stays. */
export function withoutCredentials<Value>(value: Value): Value {
  return walk(value, maskCredentials) as Value
}

function walk(value: unknown, mask: (text: string) => string, isEnv = false): unknown {
  if (typeof value === 'string') return mask(value)
  if (Array.isArray(value)) return value.map((element) => walk(element, mask))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, child]) => [
      name,
      isEnv && typeof child === 'string' ? shownVariable(name, child) : walk(child, mask, name === 'env'),
    ]),
  )
}

/** Scheme, host and what of the rest is plain; null where it is no address. */
function shownAddress(value: string): string | null {
  if (!/^[a-z][a-z0-9+.-]{0,30}:\/\//i.test(value) || value.length > 2000 || !URL.canParse(value)) return null
  const { protocol, username, password, host, pathname, search, hash } = new URL(value)
  if (host === '' || isSecretValue(host)) return null
  const user = username === '' || isPlainUser(username) ? username : MASK
  const who = password !== '' ? `${user}:${MASK}@` : username === '' ? '' : `${user}@`
  const isPlain = search === '' && hash === '' && /^(?:\/(?:[a-z][a-z_-]{0,19}|v?\d{1,3}))*\/?$/.test(pathname)
  return `${protocol}//${who}${host}${isPlain ? pathname : `/${MASK}`}`
}
