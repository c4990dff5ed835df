/** Where a release stands. */
export const releaseStates = ['prepared', 'serving', 'warm', 'kept', 'on-hold', 'pruned'] as const
export type ReleaseState = (typeof releaseStates)[number]
