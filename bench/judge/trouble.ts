import type { Random } from './random.ts'
import type { Noise, Scenario } from './scenario.ts'

/** What noise does to one instance: its own factor, bursts and wander. */
export interface InstanceTrouble {
  readonly id: string
  readonly factor: number
  readonly latencyFactor: number
  bursting: boolean
  wander: number
}

/** What noise does to both releases alike. */
export interface CommonTrouble {
  factor: number
  out: boolean
}

/** The noise of a scenario, as functions that move it on by one second and give the bad-probability. */
export interface TroubleMaker {
  /** True when probabilities change from second to second. */
  readonly changes: boolean
  instance(id: string): InstanceTrouble
  advance(common: CommonTrouble, instances: readonly InstanceTrouble[], second: number): void
  probability(base: number, common: CommonTrouble, instance: InstanceTrouble): number
  /** Failures and extra requests after clusters of retries. */
  clusters(bad: number): number
}

export function troubleMaker(scenario: Scenario, random: Random): TroubleMaker {
  const find = <T extends Noise['type']>(type: T) =>
    scenario.noise.find((noise): noise is Extract<Noise, { type: T }> => noise.type === type)
  const drift = find('common-drift')
  const outage = find('common-outage')
  const retries = find('retry-clusters')
  const bursts = find('instance-bursts')
  const logAr = find('instance-log-ar')
  const heterogeneity = find('instance-heterogeneity')
  const latency = find('instance-latency')
  const driftFrom = 60 + Math.floor(random.uniform() * 841)
  const keep = logAr === undefined ? 0 : Math.exp(-1 / logAr.tauSeconds)
  const push = logAr === undefined ? 0 : logAr.sd * Math.sqrt(1 - keep * keep)
  const meanOne = logAr === undefined ? 0 : (logAr.sd * logAr.sd) / 2
  const startsOrStays = (on: boolean, noise: { seconds: number; everySeconds: number }) =>
    on ? random.uniform() >= 1 / noise.seconds : random.uniform() < 1 / noise.everySeconds

  return {
    changes: outage !== undefined || bursts !== undefined || logAr !== undefined,
    instance: (id) => ({
      id,
      factor:
        heterogeneity === undefined ? 1 : Math.exp(heterogeneity.sd * random.normal() - heterogeneity.sd ** 2 / 2),
      latencyFactor: latency === undefined ? 1 : Math.exp(latency.sd * random.normal()),
      bursting: bursts !== undefined && random.uniform() < bursts.seconds / (bursts.seconds + bursts.everySeconds),
      wander: logAr === undefined ? 0 : logAr.sd * random.normal(),
    }),
    advance: (common, instances, second) => {
      if (drift !== undefined) common.factor = second >= driftFrom ? drift.factor : 1
      if (outage !== undefined) common.out = startsOrStays(common.out, outage)
      if (bursts !== undefined) for (const it of instances) it.bursting = startsOrStays(it.bursting, bursts)
      if (logAr !== undefined) for (const it of instances) it.wander = keep * it.wander + push * random.normal()
    },
    probability: (base, common, instance) => {
      if (common.out && outage !== undefined) return outage.rate
      if (instance.bursting && bursts !== undefined) return bursts.rate
      const wander = logAr === undefined ? 1 : Math.exp(instance.wander - meanOne)
      return Math.min(1, base * common.factor * instance.factor * wander)
    },
    clusters: (bad) => {
      if (retries === undefined || bad === 0) return bad
      let all = 0
      for (let i = 0; i < bad; i++) all += random.geometric(retries.mean)
      return all
    },
  }
}
