import type { Actor } from '../actor.ts'

/** Who acts in tests. */
export const ada: Actor = { kind: 'owner', id: 'owner', name: 'ada', label: null }
