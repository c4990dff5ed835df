import type { PlanInput } from './strategy.ts'

type Service = PlanInput['services'][number]

/** Services that run at all: jobs have no instances, static ones none of their own. */
function hasInstances(service: Pick<Service, 'kind'>): boolean {
  return service.kind === 'web' || service.kind === 'worker'
}

/** Workers of the new release start after promotion unless they are told otherwise. */
export function startsBeforeShift(service: Pick<Service, 'kind' | 'startWorkers'>): boolean {
  return service.kind === 'web' || (service.kind === 'worker' && service.startWorkers === 'before-shift')
}

export function fullCounts(
  services: readonly Pick<Service, 'name' | 'kind' | 'instances'>[],
): Readonly<Record<string, number>> {
  return Object.fromEntries(services.filter(hasInstances).map((service) => [service.name, service.instances]))
}

export function countsBeforeShift(services: readonly Service[]): Readonly<Record<string, number>> {
  return Object.fromEntries(services.filter(startsBeforeShift).map((service) => [service.name, service.instances]))
}
