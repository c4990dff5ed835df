import { isSettingName, isWellKnownWord } from './harmless.ts'

/** Shown in place of a secret. */
export const MASK = '••••••'

const secretWords = new Set([
  'secret',
  'secrets',
  'token',
  'tokens',
  'password',
  'passwd',
  'pass',
  'pwd',
  'pw',
  'passphrase',
  'key',
  'apikey',
  'credential',
  'credentials',
  'creds',
  'auth',
  'authorization',
  'bearer',
  'private',
  'salt',
  'seed',
  'otp',
  'dsn',
  'pin',
  'signature',
  'cookie',
  'jwt',
  'webhook',
])

const secretValues = [
  /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
  /^eyJ[\w-]{8,}\.[\w-]{8,}/,
  /^(?:gh[opsru]|github_pat|glpat|npm|sk|rk|pk|xox[abprs]|whsec|shpat|dop_v1|hf|SG)[-_.][\w-]{8,}/,
  /^(?:AKIA|ASIA)[A-Z0-9]{12,}/,
  /^AIza[\w-]{20,}/,
]

/** By its name: `API_KEY`, `dbPassword`, `SENTRY_DSN`. */
function isSecretName(name: string): boolean {
  return wordsOf(name).some((word) => secretWords.has(word)) || /secret|password|passwd|apikey|token/i.test(name)
}

/** `API_KEY` and `dbPassword` as words in lower case. */
export function wordsOf(name: string): readonly string[] {
  return name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '')
}

/** By its form: known prefixes, private keys, long random text. */
export function isSecretValue(value: string): boolean {
  if (secretValues.some((pattern) => pattern.test(value))) return true
  const isRandom = /^[\w+/=-]{32,}$/.test(value) && /\d/.test(value) && /[a-z]/i.test(value)
  return isRandom && new Set(value).size >= 12
}

/** By name or form; `TOKEN_TTL=3600` and `AUTH_MODE=auto` are settings all the same. */
export function isCredential(name: string, value: string): boolean {
  if (isSecretValue(value)) return true
  if (!isSecretName(name) || isWellKnownWord(value)) return false
  return !(isSettingName(wordsOf(name)) && /^[\w.]{1,12}$/.test(value))
}

/** Schemes are short: no search takes long. The password may hold what a URL should not, but no blank and no slash. */
const urlsWithPassword = /([a-z][a-z0-9+.-]{0,30}:\/\/)([^\s/?#@:'"]*):([^\s/?#'"]*)@/gi

/** Without a password: a name, or a key that lets one in by itself. */
const urlsWithUser = /([a-z][a-z0-9+.-]{0,30}:\/\/)([^\s/?#@:'"]+)@/gi

/** The password of URLs inside a text, or the key in its place: `postgres://app:••••••@host/db`. */
export function maskUrls(text: string): string {
  if (!text.includes('://')) return text
  return text
    .replaceAll(urlsWithPassword, `$1$2:${MASK}@`)
    .replaceAll(urlsWithUser, (whole: string, scheme: string, user: string) =>
      isPlainUser(user) ? whole : `${scheme}${MASK}@`,
    )
}

export function isPlainUser(user: string): boolean {
  return /^[a-z_][a-z0-9_.-]{0,30}$/i.test(user) && !isSecretValue(user)
}

/** `PASSWORD=…` of a command, `?password=…` of a URL; a reference such as `$TOKEN` tells nothing. */
const assignments = /\b([A-Za-z_][\w-]{0,60})=("[^"]*"|'[^']*'|[^\s&;"'$][^\s&;"']*)/g
/** `--token abc`, `Authorization: Bearer abc`. */
const spaced = /(--?[A-Za-z][\w-]{0,60}|\bBearer)( +)([^\s"'$-][^\s"']*)/g

/** A text of which only what looks like a credential goes: a command, an address, a message. */
export function maskCredentials(text: string): string {
  const isSecret = (name: string) => isSecretName(name) && !isSettingName(wordsOf(name))
  return maskUrls(text)
    .replaceAll(assignments, (whole: string, name: string) => (isSecret(name) ? `${name}=${MASK}` : whole))
    .replaceAll(spaced, (whole: string, name: string, blanks: string) =>
      isSecret(name) ? `${name}${blanks}${MASK}` : whole,
    )
}

/** Any text that is not known to be a variable; one that is a credential as a whole goes as a whole. */
export function maskText(text: string): string {
  return isSecretValue(text) ? MASK : maskCredentials(text)
}

/** A connection string, whatever its password is made of; nothing that is none is shown at all. */
export function maskConnectionString(url: string): string {
  const parts = /^([a-z][a-z0-9+.-]*:\/\/)(?:([^:@/?#]*)(?::.*)?@)?([^@]*)$/is.exec(url)
  if (parts === null) return MASK
  const [, scheme = '', user, rest = ''] = parts
  const hasPassword = user !== undefined && url.startsWith(`${scheme}${user}:`)
  return maskCredentials(
    `${scheme}${user ?? ''}${hasPassword ? `:${MASK}` : ''}${user === undefined ? '' : '@'}${rest}`,
  )
}

/** What must not be seen in any text, of variables: values that are credentials, and passwords inside of values. */
export function credentialsIn(variables: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(variables).flatMap(([name, value]) =>
    isCredential(name, value) ? [value, ...passwordsIn(value)] : passwordsIn(value),
  )
}

/** Passwords of URLs and of assignments inside a text, as they are written and decoded. */
export function passwordsIn(text: string): readonly string[] {
  const ofUrls = [...text.matchAll(urlsWithPassword)].map(([, , , password = '']) => password)
  const keys = [...text.matchAll(urlsWithUser)].flatMap(([, , user = '']) => (isPlainUser(user) ? [] : [user]))
  const ofAssignments = [...text.matchAll(assignments)].flatMap(([, name = '', value = '']) =>
    isSecretName(name) && !isSettingName(wordsOf(name)) ? [value.replaceAll(/^["']|["']$/g, '')] : [],
  )
  return [...new Set([...ofUrls, ...keys, ...ofAssignments].flatMap((password) => [password, decoded(password)]))]
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
