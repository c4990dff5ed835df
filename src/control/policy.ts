import { type JudgePolicy, policyFrom } from '../judge/index.ts'
import type { StrategySettings } from '../model/strategy.ts'

/** The judge's policy for a strategy: the preset's figures, and what the configuration says otherwise. */
export function policyFor(settings: StrategySettings, mode: JudgePolicy['mode']): JudgePolicy {
  const { preset, steps, stepSeconds, observeSeconds, maxWaitSeconds, latencyTolerance } = settings
  return policyFrom({
    preset,
    mode,
    absoluteLimit: settings.absoluteLimit,
    onInconclusive: settings.onInconclusive,
    ...(steps === undefined || mode === 'watch' ? {} : { steps, stepSeconds }),
    ...(observeSeconds === undefined ? {} : { observeSeconds }),
    ...(maxWaitSeconds === undefined ? {} : { maxWaitSeconds }),
    metrics: {
      latency: settings.latency,
      ...(latencyTolerance === undefined ? {} : { latencyTolerance }),
    },
  })
}
