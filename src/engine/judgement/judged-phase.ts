/** Parts of a deployment that are judged, each by evidence of its own. */
export type JudgedPhase = 'shift' | 'bake'
