const wellKnown = new Set(
  (
    'true false yes no on off auto none null default all any always never enabled disabled basic strict lax ' +
    'trace debug verbose info notice warn warning error fatal silent quiet ' +
    'development production staging test testing local preview dev prod ' +
    'json text pretty plain logfmt utc http https main master latest stable'
  ).split(' '),
)

/** Last words of names that tell how a program works rather than what it is let in by. */
const settings = new Set(
  (
    'age algorithm attempts branch bucket color colour commit concurrency count days dir directory domain enabled env ' +
    'environment expiry format host hostname hours interval lang language length level limit locale max min minutes ' +
    'mode ms name origin port provider queue region release retries revision seconds size stage table threads timeout ' +
    'timezone topic ttl type tz version workers zone'
  ).split(' '),
)

const host = String.raw`(?:localhost|\d{1,3}(?:\.\d{1,3}){3}|[a-z][a-z0-9-]{0,40}(?:\.[a-z][a-z0-9-]{0,40})+)(?::\d{1,5})?`
const forms = [
  /^-?\d{1,9}(?:\.\d{1,6})?$/,
  /^\d{1,9}(?:\.\d{1,6})? ?(?:ms|s|m|h|d|%|B|kB|KB|MB|GB|TB|KiB|MiB|GiB)$/,
  /^v?\d{1,4}(?:\.\d{1,5}){1,3}$/,
  // Languages, time zones, regions
  /^[a-z]{2}(?:[_-][A-Z]{2})?(?:\.UTF-8)?$/,
  /^[A-Z][a-z]{2,12}\/[A-Z][A-Za-z_]{2,20}$/,
  /^[a-z]{2}(?:-[a-z]{3,12}){1,2}-\d$/,
  new RegExp(`^${host}$`),
  // Addresses whose path is plain words: a webhook's is its password.
  new RegExp(`^[a-z]{2,12}://(?:${host}|[a-z][a-z0-9-]{0,40}(?::\\d{1,5})?)(?:/(?:[a-z][a-z_-]{0,19}|v?\\d{1,3}))*/?$`),
  /^(?:\.{1,2})?(?:\/[A-Za-z._-]{1,24})+\/?$/,
]

export function isWellKnownWord(value: string): boolean {
  return wellKnown.has(value.toLowerCase())
}

/** Of a name as words in lower case. */
export function isSettingName(words: readonly string[]): boolean {
  return settings.has(words.at(-1) ?? '')
}

/** Numbers, durations, sizes, versions, addresses without user and query, paths and words that everybody knows. */
export function hasHarmlessForm(value: string): boolean {
  return value === '' || isWellKnownWord(value) || (value.length <= 200 && forms.some((form) => form.test(value)))
}

/** What stands under the name of a setting: a short word or two. */
export function isPlainWord(value: string): boolean {
  return /^[A-Za-z][A-Za-z0-9 ._:/-]{0,39}$/.test(value)
}
