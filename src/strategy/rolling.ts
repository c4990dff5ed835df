import type { StrategyStep } from '../model/strategy.ts'
import { settableWeight } from '../model/traffic-split.ts'
import { allAtOnce, handOver } from './all-at-once.ts'
import { countsBeforeShift, startsBeforeShift } from './counts.ts'
import type { PlanInput, Strategy } from './strategy.ts'

/**
 * Batches of instances. What `surge` allows decides the order within a batch:
 * - new ones first, as many at once as both `batch` and `surge` allow, then as many old ones go: capacity never falls;
 * - `surge` 0: the batch's share of the traffic moves to the others, its old instances go, then the new ones come. The last
 *   old instance goes only after all traffic has left it, so at least one instance always serves; where no service has more
 *   than one instance, the new one comes first whatever `surge` says.
 * With a bake the old fleet stays whole, to take the traffic back at once: `surge` has no say then.
 */
export const rolling: Strategy = {
  name: 'rolling',
  plan(input) {
    const { settings, base } = input
    if (base === null) return firstDeployment(input)
    if (input.ownsShift) return handOver(input)
    const largest = Math.max(1, ...Object.values(countsBeforeShift(input.services)))
    const isStandby = settings.bakeSeconds > 0
    const steps =
      settings.surge === 0 && !isStandby && input.weights !== 'none' && largest > 1
        ? oldFirst(input, base, largest)
        : newFirst(input, base, largest)
    return isStandby ? [...steps, { kind: 'bake', seconds: settings.bakeSeconds }] : steps
  },
}

function newFirst(input: PlanInput, base: Counts, largest: number): StrategyStep[] {
  const { settings } = input
  const isStandby = settings.bakeSeconds > 0
  const atOnce = isStandby ? settings.batch : Math.min(settings.batch, settings.surge)
  const wanted = batchesOf(atOnce, largest)
  const batches = input.weights === 'none' ? 1 : wanted
  const steps: StrategyStep[] = []
  for (let batch = 1; batch <= batches; batch++) {
    steps.push({ kind: 'launch', counts: launched(input, batch, batches) })
    if (batches < wanted) steps.push(allAtOnce(settings.stepSeconds))
    else steps.push({ kind: 'shift', weight: shareFor(input, batch / batches), watchSeconds: settings.stepSeconds })
    if (batch < batches && !isStandby) steps.push({ kind: 'shrink', counts: remaining(input, base, batch, batches, 1) })
  }
  return steps
}

function oldFirst(input: PlanInput, base: Counts, largest: number): StrategyStep[] {
  // Two batches at least: the first old instances leave their traffic to old ones, the last to new ones.
  const batches = Math.max(2, batchesOf(input.settings.batch, largest))
  const steps: StrategyStep[] = []
  for (let batch = 1; batch <= batches; batch++) {
    const isLast = batch === batches
    const weight = isLast ? 1 : shareOfNew(largest, batch, batches)
    if (batch > 1)
      steps.push({ kind: 'shift', weight: shareFor(input, weight), watchSeconds: input.settings.stepSeconds })
    steps.push({ kind: 'shrink', counts: remaining(input, base, batch, batches, isLast ? 0 : 1) })
    steps.push({ kind: 'launch', counts: launched(input, batch, batches) })
  }
  return steps
}

type Counts = Readonly<Record<string, number>>

/** No batch is smaller than one instance of the largest service. */
function batchesOf(share: number, largest: number): number {
  return Math.max(1, Math.ceil(1 / Math.max(share, 1 / largest) - 1e-9))
}

/** Share that the new instances of the batches before have among those that serve while this batch's old ones go. */
function shareOfNew(largest: number, batch: number, batches: number): number {
  const fresh = Math.ceil((largest * (batch - 1)) / batches)
  const old = largest - Math.ceil((largest * batch) / batches)
  return fresh / (fresh + old)
}

function launched({ services }: PlanInput, batch: number, batches: number): Counts {
  return Object.fromEntries(
    services
      .filter(startsBeforeShift)
      .map((service) => [service.name, Math.ceil((service.instances * batch) / batches)]),
  )
}

/** Only of services that the new release has started by now: others have no successors yet. */
function remaining({ services }: PlanInput, base: Counts, batch: number, batches: number, least: number): Counts {
  const started = new Set(services.filter(startsBeforeShift).map(({ name }) => name))
  return Object.fromEntries(
    Object.entries(base)
      .filter(([service]) => started.has(service))
      .map(([service, count]) => [
        service,
        Math.max(Math.min(count, least), Math.floor((count * (batches - batch)) / batches)),
      ]),
  )
}

/** No more traffic than capacity: where only steps can be set, the next lower one. */
function shareFor({ weights }: PlanInput, share: number): number {
  return settableWeight(weights, share)
}

/** Nobody serves yet: nothing to compare with and nothing to go back to, so all traffic at once. */
export function firstDeployment(input: PlanInput): readonly StrategyStep[] {
  return [
    { kind: 'launch', counts: countsBeforeShift(input.services) },
    { kind: 'shift', weight: 1, watchSeconds: null },
  ]
}
