import { deployRequest as requestOf } from '../../engine/testing/deploy-request.ts'
import type { DeployRequest } from '../../model/deploy-request.ts'

export function deployRequest(environment = 'production'): Omit<DeployRequest, 'idempotencyKey'> {
  return requestOf({ environment })
}
