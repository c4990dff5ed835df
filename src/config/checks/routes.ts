import type { Route } from '../../model/release.ts'
import type { Path } from '../path.ts'
import type { EnvironmentDocument } from '../schema.ts'
import type { Check, CheckContext } from './check.ts'
import { kindOf } from './services.ts'

interface Owner {
  readonly service: string
  readonly at: Path
}

/** Two services of one release cannot own the same route. */
export const checkRoutes: Check = (context) => {
  const { environments = {} } = context.document
  checkTogether(context, null, {})
  for (const [name, environment] of Object.entries(environments)) {
    const overrides = Object.values(environment.services ?? {})
    if (overrides.some(({ routes }) => routes !== undefined)) checkTogether(context, name, environment)
  }
}

/** Of the services as written (`environment` null), or as they become: then only what the overrides cause. */
function checkTogether(context: CheckContext, name: string | null, environment: EnvironmentDocument): void {
  const owners = new Map<string, Owner>()
  for (const [service, settings] of Object.entries(context.document.services ?? {})) {
    const kind = kindOf(settings)
    if (kind !== 'web' && kind !== 'static') continue
    if (context.isBroken(['services', service, 'kind'])) continue
    const overrides = environment.services?.[service]?.routes
    const at: Path = overrides === undefined ? ['services', service] : ['environments', name ?? '', 'services', service]
    if (context.isBroken([...at, 'routes'])) continue
    const routes = overrides ?? settings.routes
    for (const [index, route] of (routes ?? [{}]).entries()) {
      const owner = { service, at: routes === undefined ? at : [...at, 'routes', index] }
      claim(context, owners, normalRoute(route), owner, name)
    }
  }
}

function claim(
  context: CheckContext,
  owners: Map<string, Owner>,
  route: Route,
  claimant: Owner,
  environment: string | null,
): void {
  const key = `${route.host ?? '*'}${route.path}`
  const first = owners.get(key)
  if (first === undefined) {
    owners.set(key, claimant)
    return
  }
  const isOverride = ({ at }: Owner) => at[0] === 'environments'
  // What the services themselves cause has been reported for them as written.
  if (environment !== null && !isOverride(first) && !isOverride(claimant)) return
  const [blamed, other] = isOverride(first) && !isOverride(claimant) ? [first, claimant] : [claimant, first]
  const shown = `${route.host ?? 'any host'}, path ${route.path}`
  context.report(blamed.at, {
    message: blamed.service === other.service ? `names ${shown} twice` : `claims ${shown}, as ${other.service} does`,
    hint: 'give one of them routes with another host or path, or routes: [] where only other services call it',
  })
}

/** With its defaults, and without a slash at the end. */
export function normalRoute(route: { readonly host?: string | undefined; readonly path?: string | undefined }): Route {
  const path = route.path === undefined || route.path === '/' ? '/' : route.path.replace(/\/+$/, '') || '/'
  return { ...(route.host === undefined ? {} : { host: route.host }), path }
}
