import type { Engine } from '../engine/engine.ts'
import type { Log } from '../support/log.ts'

export interface ApiOptions {
  readonly engine: Engine
  /** Every call but `/livez` names it. */
  readonly token: string
  readonly version: string
  readonly log: Log
  /** Called after the answer was sent. */
  readonly onShutdown: (options: { readonly all: boolean }) => void
  /** What a judgement rested on, by default the last one; null: this was not judged. Absent: nothing is kept. */
  readonly dossier?: (deployment: string, phase?: 'shift' | 'bake') => Promise<object | null>
  /** Time between signs of life on a stream. */
  readonly pingMs?: number
  /** A reader that takes nothing for this long is let go; it resumes where it was. */
  readonly stallMs?: number
}
