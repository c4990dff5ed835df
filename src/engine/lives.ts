import type { DeploymentKind } from '../model/activity.ts'
import type { Phase } from './phase.ts'
import { admitDeploy, admitRollback } from './phases/admit.ts'
import { arrive } from './phases/arrive.ts'
import { bake } from './phases/bake.ts'
import { launch } from './phases/launch.ts'
import { migrate } from './phases/migrate.ts'
import { prepare } from './phases/prepare.ts'
import { settle, settleRollback } from './phases/settle.ts'
import { shift } from './phases/shift.ts'
import { standBy } from './phases/stand-by.ts'

/** From a source to a serving release, or back to where it was. */
const deployPhases: readonly Phase[] = [prepare, admitDeploy, migrate, launch, shift, bake, settle]

/**
 * Back to a release that served. A deployment that moves traffic was told already (a message, sent before this began) and
 * takes its own traffic back; what is left to do then is to wait for it and to see the result.
 */
const rollbackPhases: readonly Phase[] = [standBy, admitRollback, arrive, launch, shift, settleRollback]

export const lives: Readonly<Record<DeploymentKind, readonly Phase[]>> = {
  deploy: deployPhases,
  rollback: rollbackPhases,
}
