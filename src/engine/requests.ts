import type { DeployOrder } from '../model/deploy-request.ts'
import { SluiceError } from '../model/error.ts'
import type { DeploymentRow } from '../store/deployments.ts'

/** The configuration and source that a deployment was asked for with. */
export function requestOf(stored: { readonly kind: string; readonly request?: DeployOrder }): DeployOrder {
  if (stored.request === undefined) throw new SluiceError('UNEXPECTED', 'a rollback has no configuration to build')
  return stored.request
}

/** The release that a rollback named; null: none, or no rollback. */
export function requestedRelease(row: DeploymentRow): string | null {
  return row.request.kind === 'rollback' ? row.request.release : null
}
