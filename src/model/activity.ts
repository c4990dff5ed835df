/**
 * What an activity has to itself while it works: the traffic of its environment (one deployment shifts at a time), the
 * whole environment (its frame is changed), or nothing (a backup runs beside everything). What needs something waits for
 * what needs something.
 */
export const activityNeeds = ['traffic', 'environment', 'nothing'] as const
export type ActivityNeeds = (typeof activityNeeds)[number]

/** What is known of all activities of one kind. */
export interface ActivityKind {
  readonly name: string
  readonly needs: ActivityNeeds
}

/** Both change which release an environment serves, and are shown as deployments. */
export const deploymentKinds = {
  deploy: { name: 'deploy', needs: 'traffic' },
  rollback: { name: 'rollback', needs: 'traffic' },
} as const satisfies Record<string, ActivityKind>
export type DeploymentKind = keyof typeof deploymentKinds
