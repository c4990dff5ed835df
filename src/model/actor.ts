/**
 * Who asks, as the control plane's guard established it from the credentials. Every act takes one and records it.
 */
export interface Actor {
  /** `owner`: whoever holds the token of this installation. */
  readonly kind: 'owner'
  /** Names the actor among all of its kind, also when the name changes. */
  readonly id: string
  readonly name: string
  /** What the client calls its user (`SLUICE_USER`): kept beside the name, believed for nothing. */
  readonly label: string | null
}

/** `root`, or `root (ada)` where the client names somebody else. */
export function actorWords({ name, label }: Actor): string {
  return label === null || label === name ? name : `${name} (${label})`
}
