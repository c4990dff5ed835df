/** All traffic goes to `base` but the share `weight` of visitors, who go to `candidate`. */
export interface TrafficSplit {
  readonly base: string | null
  readonly candidate: string | null
  /** 0..1, in steps of 1/10000: which visitors are the candidate's is a matter of their hash, so more of them only join. */
  readonly weight: number
  /** Usually the deployment's id, so that not the same users are always first. */
  readonly salt: string
}

/** Nobody is led anywhere. */
export const noTraffic: TrafficSplit = { base: null, candidate: null, weight: 0, salt: '' }

/** Share of the traffic that leads to a release, 0..1. */
export function shareOf(release: string, split: TrafficSplit | null): number {
  if (split === null) return 0
  const ofCandidate = split.candidate === release ? split.weight : 0
  return split.base === release ? 1 - (split.candidate === null ? 0 : split.weight) + ofCandidate : ofCandidate
}
