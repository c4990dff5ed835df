import type { StrategySettings } from '../../model/strategy.ts'

/** What `strategy: 'rolling'` resolves to, and what a test wants otherwise. */
export function strategySettings(change: Partial<StrategySettings> = {}): StrategySettings {
  return {
    name: 'rolling',
    stepSeconds: 0,
    preset: 'balanced',
    bakeSeconds: 0,
    batch: 0.25,
    surge: 0.25,
    switch: 'at-once',
    smoke: [],
    onInconclusive: 'ask',
    absoluteLimit: 0.01,
    latency: true,
    ...change,
  }
}
