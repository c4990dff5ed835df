import type { StrategySettings } from '../../model/strategy.ts'
import type { strategyBlock } from '../merge.ts'
import { durationMs, shareOf } from '../units.ts'

const BAKE = '10m'

/** Preset figures (`observe`, `maxWait`, tolerance) stay the judge's: only what differs from them is named. */
export function resolveStrategy(settings: ReturnType<typeof strategyBlock>): StrategySettings {
  const { name, steps, observe, maxWait, latencyTolerance } = settings
  return {
    name,
    ...(steps === undefined ? {} : { steps }),
    stepSeconds: seconds(settings.stepTime ?? (name === 'rolling' ? '0s' : '60s')),
    preset: settings.preset ?? 'balanced',
    ...(observe === undefined ? {} : { observeSeconds: seconds(observe) }),
    ...(maxWait === undefined ? {} : { maxWaitSeconds: seconds(maxWait) }),
    bakeSeconds: seconds(settings.bake ?? (name === 'rolling' ? '0s' : BAKE)),
    batch: shareOf(settings.batch ?? '25%'),
    surge: shareOf(settings.surge ?? '25%'),
    switch: settings.switch ?? 'at-once',
    smoke: settings.smoke ?? [],
    onInconclusive: settings.onInconclusive ?? 'ask',
    absoluteLimit: shareOf(settings.absoluteLimit ?? '1%'),
    latency: settings.latency ?? true,
    ...(latencyTolerance === undefined ? {} : { latencyTolerance: shareOf(latencyTolerance) }),
  }
}

function seconds(duration: string): number {
  return durationMs(duration) / 1000
}
