import type { DeployRequest } from '../../engine/engine.ts'
import { deployRequest as requestOf } from '../../engine/testing/deploy-request.ts'

export function deployRequest(environment = 'production'): Omit<DeployRequest, 'idempotencyKey'> {
  return requestOf({ environment })
}
