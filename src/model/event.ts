/** One state change. `type` is `<noun>.<what happened>`. */
export interface Event {
  readonly sequence: number
  readonly at: string
  readonly type:
    | 'deployment.created'
    | 'deployment.state'
    | 'deployment.step'
    | 'deployment.weight'
    | 'deployment.judge'
    | 'deployment.log'
    | 'deployment.finished'
    | 'instance.state'
    | 'edge.state'
    | 'environment.hold'
    | 'secret.set'
    | 'secret.removed'
    | 'control.stopping'
  readonly environment: string | null
  /** The piece of work that it belongs to. */
  readonly activity: string | null
  /** The same, where that is a deployment or a rollback. */
  readonly deployment: string | null
  readonly data: Readonly<Record<string, unknown>>
}
