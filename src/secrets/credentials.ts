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
  'passphrase',
  'key',
  'apikey',
  'credential',
  'credentials',
  'auth',
  'authorization',
  'private',
  'salt',
  'dsn',
  'pin',
  'signature',
  'cookie',
  'jwt',
])

const secretValues = [
  /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
  /^eyJ[\w-]{8,}\.[\w-]{8,}/,
  /^(?:gh[opsru]|github_pat|glpat|npm|sk|rk|pk|xox[abprs]|whsec|shpat|dop_v1|hf|SG)[-_.][\w-]{8,}/,
  /^(?:AKIA|ASIA)[A-Z0-9]{12,}/,
  /^AIza[\w-]{20,}/,
]

/** By its name: `API_KEY`, `dbPassword`, `SENTRY_DSN`. */
export function isSecretName(name: string): boolean {
  const words = name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
  return words.some((word) => secretWords.has(word)) || /secret|password|passwd|apikey|token/i.test(name)
}

/** By its form: known prefixes, private keys, long random text. */
export function isSecretValue(value: string): boolean {
  if (secretValues.some((pattern) => pattern.test(value))) return true
  const isRandom = /^[\w+/=-]{32,}$/.test(value) && /\d/.test(value) && /[a-z]/i.test(value)
  return isRandom && new Set(value).size >= 12
}

/** The user and password of URLs inside a text: `postgres://app:••••••@host/db`. Schemes are short: no search takes long. */
export function maskUrls(text: string): string {
  return text.replaceAll(/([a-z][a-z0-9+.-]{0,30}:\/\/)([^\s/?#@:'"]*):([^\s/?#'"]*)@/gi, `$1$2:${MASK}@`)
}

/** `PASSWORD=…` of a command, `?password=…` of a URL; a reference such as `$TOKEN` tells nothing. */
function maskAssignments(text: string): string {
  return text.replaceAll(
    /\b([A-Za-z_][\w-]{0,60})=("[^"]*"|'[^']*'|[^\s&;"'$][^\s&;"']*)/g,
    (whole: string, name: string) => (isSecretName(name) ? `${name}=${MASK}` : whole),
  )
}

function maskParts(text: string): string {
  return maskAssignments(maskUrls(text))
}

/** An environment variable as it may be shown. */
export function maskVariable(name: string, value: string): string {
  if (value === '') return value
  const masked = maskParts(value)
  if (masked !== value) return masked
  return isSecretName(name) || isSecretValue(value) ? MASK : value
}

/** Any text that is not known to be a variable: only what looks like a credential goes. */
export function maskText(text: string): string {
  return isSecretValue(text) ? MASK : maskParts(text)
}
