import type { Engine } from '../engine/engine.ts'
import type { Actor } from '../model/actor.ts'
import type { Uploads } from '../sources/uploads.ts'
import type { Log } from '../support/log.ts'
import type { Identify } from './guard.ts'

export interface ApiOptions {
  readonly engine: Engine
  /** Whose token it is; every call but `/livez` names one. */
  readonly identify: Identify
  readonly uploads: Uploads
  readonly version: string
  readonly log: Log
  /** Called after the answer was sent. */
  readonly onShutdown: (actor: Actor, options: { readonly all: boolean }) => void
  /** What a judgement rested on, by default the last one; null: this was not judged. Absent: nothing is kept. */
  readonly dossier?: (deployment: string, phase?: 'shift' | 'bake') => Promise<object | null>
  /** Time between signs of life on a stream. */
  readonly pingMs?: number
  /** A reader that takes nothing for this long is let go; it resumes where it was. */
  readonly stallMs?: number
}
