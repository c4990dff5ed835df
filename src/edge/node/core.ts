import type { Environment } from './environment.ts'
import type { Backend } from './instances/backend.ts'

/** What requests and tunnels need of the edge that they run in. */
export interface Core {
  environment(name: string): Environment | undefined
  newVisitor(): string
  /** Wall clock in whole seconds, and its milliseconds for measuring. */
  refused(backend: Backend): void
  /** Called when a request stops keeping an instance busy. */
  left(backend: Backend): void
  /** Keeps a request until `resume` is called; false when the queue is full. */
  wait(waiter: Waiter): boolean
  /** The client of a waiting request is gone. */
  stopWaiting(waiter: Waiter): void
  /** This process has handed over: kept connections should move to the next one. */
  readonly isLeaving: boolean
}

export interface Waiter {
  readonly environmentName: string
  readonly limits: { readonly holdQueue: number; readonly holdMs: number }
  readonly waitingSinceMs: number
  resume(): void
  giveUp(): void
}

/** Which requests came in where. */
export interface Entrance {
  readonly isSecure: boolean
  /** Absent: by host and path. Internal ports lead to one service of one release. */
  readonly internal?: { readonly release: string; readonly service: string }
}
