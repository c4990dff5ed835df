/**
 * What an activity has to itself while it works: the traffic of its environment (one deployment shifts at a time), the
 * whole environment (its frame is changed), or nothing (a backup runs beside everything). What needs something waits for
 * what needs something.
 */
const activityNeeds = ['traffic', 'environment', 'nothing'] as const
export type ActivityNeeds = (typeof activityNeeds)[number]

/** What is known of all activities of one kind. */
export interface ActivityKind {
  readonly name: string
  readonly needs: ActivityNeeds
}

/** Why it may not begin yet. */
export interface Waiting {
  /** For a person: `waits for d85 (canary at 50 %)`. */
  readonly reason: string
  /** When that ends as far as one can tell; null: nobody knows. */
  readonly until: string | null
}

/** Something that only a person can decide. */
export interface Question {
  readonly text: string
  readonly options: readonly string[]
  /** Ids of the actors who may answer; null: everybody who may act. */
  readonly who: readonly string[] | null
  /** From then on no answer counts any more. */
  readonly deadline: string
}

/** Both change which release an environment serves, and are shown as deployments. */
export const deploymentKinds = {
  deploy: { name: 'deploy', needs: 'traffic' },
  rollback: { name: 'rollback', needs: 'traffic' },
} as const satisfies Record<string, ActivityKind>
export type DeploymentKind = keyof typeof deploymentKinds
