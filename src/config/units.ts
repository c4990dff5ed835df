const durationUnits = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const sizeUnits = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
} as const

export const durationPattern = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+$/
export const sizePattern = /^\d+(?:\.\d+)? ?(?:[kKMGT]i?)?B$/
export const percentPattern = /^\d+(?:\.\d+)?%$/

/** Milliseconds of `'90s'` or `'1h30m'`; the text has been validated. */
export function durationMs(text: string): number {
  let total = 0
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
    total += Number(amount) * durationUnits[unit as keyof typeof durationUnits]
  }
  return Math.round(total)
}

/** Bytes of `'512MB'`; the text has been validated. */
export function sizeBytes(text: string): number {
  const amount = Number.parseFloat(text)
  const unit = text.replace(/^[\d.]+ ?/, '').toLowerCase()
  return Math.round(amount * sizeUnits[unit as keyof typeof sizeUnits])
}

/** 0..1 from `0.25` or `'25%'`. */
export function shareOf(share: number | string): number {
  return typeof share === 'number' ? share : Number.parseFloat(share) / 100
}
