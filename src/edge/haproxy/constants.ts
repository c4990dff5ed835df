export const EDGE_NAME = 'haproxy'
/** Raised with every change of the agent that a running one should be replaced for. */
export const EDGE_VERSION = '2'
