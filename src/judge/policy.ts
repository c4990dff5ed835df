import type { JudgePolicy, JudgeThresholds } from './judge.ts'

export type JudgePreset = JudgePolicy['preset']

type PresetFigures = Required<
  Pick<JudgePolicy, 'observeSeconds' | 'maxWaitSeconds' | 'riskBudget' | 'absoluteLimit' | 'thresholds'>
> & { readonly latencyTolerance: number }

const usual: JudgeThresholds = {
  retreat: 0.1,
  confirm: 0.05,
  rollBack: 0.005,
  latency: 0.0025,
  business: 0.0025,
  webVitals: 0.001,
}

/** careful risks least and waits longest; balanced is the default; fast is for those who deploy all day. */
export const presets: Readonly<Record<JudgePreset, PresetFigures>> = {
  careful: {
    observeSeconds: 900,
    maxWaitSeconds: 3600,
    riskBudget: 1,
    absoluteLimit: 0.01,
    latencyTolerance: 0.09,
    thresholds: { ...usual, confirm: 0.025, rollBack: 0.0025 },
  },
  balanced: {
    observeSeconds: 300,
    maxWaitSeconds: 1800,
    riskBudget: 3,
    absoluteLimit: 0.01,
    latencyTolerance: 0.19,
    thresholds: usual,
  },
  fast: {
    observeSeconds: 120,
    maxWaitSeconds: 600,
    riskBudget: 10,
    absoluteLimit: 0.01,
    latencyTolerance: 0.19,
    thresholds: usual,
  },
}

export type PolicyOverrides = Partial<Omit<JudgePolicy, 'metrics' | 'thresholds'>> & {
  readonly metrics?: Partial<JudgePolicy['metrics']>
  readonly thresholds?: Partial<JudgeThresholds>
}

/**
 * A complete policy from a preset (default balanced) and what differs from it.
 *
 * @example policyFrom({ preset: 'careful', metrics: { latency: false } })
 */
export function policyFrom({
  preset = 'balanced',
  metrics,
  thresholds,
  ...overrides
}: PolicyOverrides = {}): JudgePolicy {
  const { latencyTolerance, ...figures } = presets[preset]
  return {
    preset,
    ...figures,
    stepSeconds: 300,
    mode: 'ramp',
    onInconclusive: 'ask',
    ...overrides,
    thresholds: { ...figures.thresholds, ...thresholds },
    metrics: { errors: true, latency: true, business: true, webVitals: true, latencyTolerance, ...metrics },
  }
}

export function thresholdsOf(policy: JudgePolicy): JudgeThresholds {
  return policy.thresholds ?? presets[policy.preset].thresholds
}
