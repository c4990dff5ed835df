/** Where a release stands. */
const releaseStates = ['prepared', 'serving', 'warm', 'kept', 'on-hold', 'pruned'] as const
export type ReleaseState = (typeof releaseStates)[number]
