/** All traffic goes to `base` but the share `weight` of visitors, who go to `candidate`. */
export interface TrafficSplit {
  readonly base: string | null
  readonly candidate: string | null
  /** 0..1, in steps of 1/10000: which visitors are the candidate's is a matter of their hash, so more of them only join. */
  readonly weight: number
  /** Usually the deployment's id, so that not the same users are always first. */
  readonly salt: string
}

/** Shares that a router can be told: any, every twentieth, or all and nothing. */
export type Weights = 'any' | 'steps' | 'none'

/** Width of the steps where a router takes no others. */
export const WEIGHT_STEP = 0.05

/** The greatest share that such a router can give which is not more than asked for; where some is asked for, some is given. */
export function settableWeight(weights: Weights, weight: number): number {
  if (weights === 'any' || weight <= 0 || weight >= 1) return weight
  if (weights === 'none') return 0
  return Math.max(1, Math.floor(weight / WEIGHT_STEP + 1e-9)) * WEIGHT_STEP
}

/** Nobody is led anywhere. */
export const noTraffic: TrafficSplit = { base: null, candidate: null, weight: 0, salt: '' }

/** Share of the traffic that leads to a release, 0..1. */
export function shareOf(release: string, split: TrafficSplit | null): number {
  if (split === null) return 0
  const ofCandidate = split.candidate === release ? split.weight : 0
  return split.base === release ? 1 - (split.candidate === null ? 0 : split.weight) + ofCandidate : ofCandidate
}
