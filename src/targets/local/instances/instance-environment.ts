import type { ReleaseRecord, ReleaseService } from '../../../model/release.ts'
import { type SystemUser, userVariables } from '../../../support/system-user.ts'

/**
 * The environment variables of one instance. The user's own come after ours, but for those that the edge relies on:
 * PORT and SLUICE_*.
 */
export function instanceEnvironment(options: {
  readonly release: ReleaseRecord
  readonly service: ReleaseService
  readonly instance: string
  readonly port: number | undefined
  readonly internalPorts: Readonly<Record<string, number>>
  /** Whom it runs as, where that is not us. */
  readonly user?: SystemUser | undefined
  /** PATH and the like. */
  readonly inherited: Readonly<Record<string, string>>
  /** Secrets and DATABASE_URL. */
  readonly resolved: Readonly<Record<string, string>>
}): Record<string, string> {
  const { release, service, instance, port, user, internalPorts, inherited, resolved } = options
  return {
    ...inherited,
    ...(user === undefined ? {} : userVariables(user)),
    NODE_ENV: 'production',
    HOST: '127.0.0.1',
    ...service.env,
    ...resolved,
    ...(port === undefined ? {} : { PORT: String(port) }),
    SLUICE_RELEASE: release.id,
    SLUICE_SERVICE: service.name,
    SLUICE_INSTANCE: instance,
    SLUICE_ENVIRONMENT: release.environment,
    ...Object.fromEntries(
      Object.entries(internalPorts).map(([name, at]) => [urlVariable(name), `http://127.0.0.1:${at}`]),
    ),
  }
}

/** `SLUICE_URL_<SERVICE>`: leads to this release's own instances only. */
function urlVariable(service: string): string {
  return `SLUICE_URL_${service.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}`
}
