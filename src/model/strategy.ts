/** How an environment is deployed to, with every default filled in. Times in seconds. */
export interface StrategySettings {
  readonly name: 'rolling' | 'blue-green' | 'canary'
  /** canary: fixed steps in percent; absent: the judge's ramp. */
  readonly steps?: readonly number[]
  /** canary with fixed steps: time at each. rolling: time that the judge watches each batch; 0: one look. */
  readonly stepSeconds: number
  readonly preset: 'careful' | 'balanced' | 'fast'
  /** canary and blue-green with `ramp`: overrides of the preset. */
  readonly observeSeconds?: number
  readonly maxWaitSeconds?: number
  /** Time at 100 % during which the old fleet stays warm and the judge watches. */
  readonly bakeSeconds: number
  /** rolling: share of instances replaced at once, 0..1, and of extra ones allowed meanwhile (0: old ones go first). */
  readonly batch: number
  readonly surge: number
  /** blue-green: switch at once, or by the judge's ramp. */
  readonly switch: 'at-once' | 'ramp'
  /** Smoke checks run against each new instance before any user: paths that must answer 2xx or 3xx. */
  readonly smoke: readonly string[]
  readonly onInconclusive: 'ask' | 'promote' | 'roll-back'
  /** Share of bad requests above which a release is rolled back. */
  readonly absoluteLimit: number
  readonly latency: boolean
  readonly latencyTolerance?: number
}

/** What a deployment does after its admission: what its strategy plans, and the gates that the engine puts in between. */
export type Step = StrategyStep | GateStep

/** Every new instance is asked for these paths. */
export interface GateStep {
  readonly kind: 'smoke'
  readonly paths: readonly string[]
}

export type StrategyStep =
  /** Bring the new fleet to these counts and wait until every instance is ready. */
  | { readonly kind: 'launch'; readonly counts: Readonly<Record<string, number>> }
  /**
   * Set this weight at once, then have the judge watch for `watchSeconds`: 0 is one look, which takes no time unless it
   * raises a doubt; null: nobody judges.
   */
  | {
      readonly kind: 'shift'
      readonly weight: number
      readonly watchSeconds: number | null
      /** Why it is not what the strategy would do elsewhere. */
      readonly why?: string
    }
  /** The place moves all traffic and takes the old fleet away by itself; what is left to do is to look at the result. */
  | { readonly kind: 'hand-over'; readonly why: string }
  /** The judge drives the weight until it promotes or rolls back. */
  | { readonly kind: 'ramp' }
  /** Bring the old fleet down to these counts. */
  | { readonly kind: 'shrink'; readonly counts: Readonly<Record<string, number>> }
  | { readonly kind: 'bake'; readonly seconds: number }
