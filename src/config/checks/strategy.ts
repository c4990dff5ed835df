import { strategyBlock } from '../merge.ts'
import type { Path } from '../path.ts'
import { durationMs } from '../units.ts'
import type { Check, CheckContext } from './check.ts'
import { kindOf } from './services.ts'

type Settings = ReturnType<typeof strategyBlock>
type Name = Settings['name']

/** Those that may wait for evidence; what the judge looks at holds for all. */
const judged: readonly Name[] = ['canary', 'blue-green']
const strategiesOf: Readonly<Partial<Record<string, readonly Name[]>>> = {
  steps: ['canary'],
  stepTime: ['canary', 'rolling'],
  switch: ['blue-green'],
  batch: ['rolling'],
  surge: ['rolling'],
  observe: judged,
  maxWait: judged,
}

export const checkStrategies: Check = (context) => {
  for (const [name, environment] of Object.entries(context.document.environments ?? {})) {
    const at = ['environments', name, 'strategy']
    if (context.isBroken(at) || context.isBroken([...at, 'name'])) continue
    const settings = strategyBlock(environment)
    if (settings.name === undefined) continue
    checkKeys(context, at, settings)
    checkSteps(context, at, settings)
    checkTimes(context, at, settings)
    checkTraffic(context, at, settings.name)
  }
}

function checkKeys(context: CheckContext, at: Path, settings: Settings): void {
  for (const key of Object.keys(settings)) {
    const names = strategiesOf[key]
    if (names === undefined || names.includes(settings.name)) continue
    context.report([...at, key], {
      message: `has no meaning for ${settings.name}`,
      hint: `remove it, or choose ${names.join(' or ')}`,
    })
  }
}

function checkSteps(context: CheckContext, at: Path, settings: Settings): void {
  if (settings.name !== 'canary') return
  if (settings.stepTime !== undefined && settings.steps === undefined && !context.isBroken([...at, 'steps']))
    context.report([...at, 'stepTime'], {
      message: 'needs steps: without them the judge decides how fast it goes',
      hint: 'add steps, such as [5, 25, 50], or set observe instead',
    })
  const { steps = [] } = settings
  const falling = steps.findIndex((step, index) => index > 0 && step <= (steps[index - 1] ?? 0))
  if (falling > 0)
    context.report([...at, 'steps', falling], {
      message: `must be above the step before it, ${steps[falling - 1]}`,
      hint: `for example [${[...new Set(steps)].sort((a, b) => a - b).join(', ')}]`,
    })
}

function checkTimes(context: CheckContext, at: Path, settings: Settings): void {
  const { observe, maxWait } = settings
  if (settings.name === 'blue-green' && settings.switch !== 'ramp') {
    for (const key of ['observe', 'maxWait'] as const)
      if (settings[key] !== undefined)
        context.report([...at, key], {
          message: 'has no meaning when all traffic switches at once',
          hint: 'add switch: "ramp", or set bake',
        })
    return
  }
  if (observe !== undefined && maxWait !== undefined && durationMs(observe) > durationMs(maxWait))
    context.report([...at, 'maxWait'], {
      message: `is shorter than observe, ${observe}`,
      hint: 'wait at least as long as is observed',
    })
}

function checkTraffic(context: CheckContext, at: Path, name: Name): void {
  const services = Object.entries(context.document.services ?? {})
  const isUnknown =
    services.length === 0 || services.some(([service]) => context.isBroken(['services', service, 'kind']))
  const hasTraffic = services.some(([, service]) => ['web', 'static'].includes(kindOf(service)))
  if (name !== 'rolling' && !isUnknown && !hasTraffic)
    context.report(at, {
      message: `${name} needs traffic to judge, and no service gets any`,
      hint: 'use rolling where there are only workers',
    })
}
