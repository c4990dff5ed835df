import { blueGreen } from './blue-green.ts'
import { canary } from './canary.ts'
import { rolling } from './rolling.ts'
import type { Strategy } from './strategy.ts'

const strategies = { rolling, 'blue-green': blueGreen, canary } as const satisfies Record<string, Strategy>

export function strategyNamed(name: keyof typeof strategies): Strategy {
  return strategies[name]
}
