import type { DeployRequest } from '../../model/deploy-request.ts'

export function deployRequest(environment = 'production'): Omit<DeployRequest, 'idempotencyKey'> {
  return { environment, source: { kind: 'folder', directory: '/srv/shop' }, replace: false }
}
