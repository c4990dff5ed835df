/**
 * Durable workflows behind as little as the engine needs: a body whose finished steps are never run again, and whose
 * step in flight runs again after a crash. Steps are therefore idempotent (DESIGN, law 2).
 */
export interface Workflows {
  /** All bodies are registered before `launch`. */
  register<Input>(name: string, body: (flow: Flow, input: Input) => Promise<void>): void
  /** Resumes what was in flight and accepts new runs. */
  launch(): Promise<void>
  /** Starts a run; the same id is the same run, however often it is started. */
  start(name: string, id: string, input: unknown): Promise<void>
  /** Whether this run came to its end, whatever that was; false for one that never began. */
  hasEnded(id: string): Promise<boolean>
  /** Forgets finished runs older than this. */
  prune(olderThanMs: number): Promise<void>
  shutdown(): Promise<void>
}

export interface Flow {
  /**
   * Runs the body and remembers its outcome, value or `SluiceError`. Anything else that it throws is a bug or an outage
   * of the database; an outage is waited for and the body run again.
   */
  step<Value>(name: string, body: () => Promise<Value>): Promise<Value>
  /**
   * Guards a change of the step sequence: false in runs of an earlier version that have passed this place already (they keep
   * their sequence), true in all others.
   */
  isPatched(name: string): Promise<boolean>
}
