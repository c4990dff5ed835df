export const instanceStates = ['starting', 'ready', 'unready', 'stopping', 'exited', 'crash-loop'] as const
export type InstanceState = (typeof instanceStates)[number]

/** One running copy of a service of a release, as it was seen at `inspect()`. */
export interface Instance {
  /** Unique in one environment for ever, such as `r14-web-2-k3f9`: a replaced instance gets a new one. */
  readonly id: string
  readonly environment: string
  readonly release: string
  readonly service: string
  readonly index: number
  readonly state: InstanceState
  readonly address?: { readonly host: string; readonly port: number }
  readonly pid?: number
  readonly startedAt?: string
  readonly restarts: number
  readonly exit?: { readonly code: number | null; readonly at: string }
}

export interface Fleet {
  readonly environment: string
  readonly release: string
  readonly instances: readonly Instance[]
}
