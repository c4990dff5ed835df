import { SluiceError } from '../model/error.ts'
import type { ReleaseTarget } from '../model/release.ts'
import type { Database } from '../store/database.ts'
import { listEnvironments, rememberTarget } from '../store/environments.ts'
import type { Target } from '../targets/target.ts'
import type { TargetKind } from '../targets/target-kind.ts'

/** Which place each environment runs at: one control plane serves several kinds at once. */
export class Targets {
  readonly #kinds: readonly TargetKind[]
  readonly #database: Database
  readonly #wrap: (target: Target, environment: string) => Target
  readonly #placed = new Map<string, ReleaseTarget>()
  readonly #open = new Map<string, Target>()

  /** The first kind is that of environments of which nothing is known. */
  constructor(options: {
    readonly kinds: readonly TargetKind[]
    readonly database: Database
    readonly wrap: (target: Target, environment: string) => Target
  }) {
    this.#kinds = options.kinds
    this.#database = options.database
    this.#wrap = options.wrap
  }

  /** Reads where environments were placed before; to be called before anything acts. */
  async load(): Promise<void> {
    for (const { key, target } of await listEnvironments(this.#database)) {
      if (target !== null) this.#placed.set(key, target)
    }
  }

  of(environment: string): Target {
    const open = this.#open.get(environment)
    if (open !== undefined) return open
    const { name, settings } = this.#placed.get(environment) ?? { name: this.#kinds[0]?.name ?? '', settings: {} }
    const target = this.#wrap(this.#kind(name).open({ key: environment, settings }), environment)
    this.#open.set(environment, target)
    return target
  }

  /** Remembers the place of an environment and answers with it. Throws `STATE_CONFLICT` where releases run elsewhere. */
  async place(environment: string, wanted: ReleaseTarget): Promise<Target> {
    const kind = this.#kind(wanted.name)
    const placed = this.#placed.get(environment)
    if (placed !== undefined && placed.name !== wanted.name) await this.#assertEmpty(environment, placed, wanted)
    if (JSON.stringify(placed) === JSON.stringify(wanted)) return this.of(environment)
    await rememberTarget(this.#database, environment, wanted)
    this.#placed.set(environment, wanted)
    this.#open.set(environment, this.#wrap(kind.open({ key: environment, settings: wanted.settings }), environment))
    return this.of(environment)
  }

  /** What runs at a place would serve on there, out of our sight. */
  async #assertEmpty(environment: string, placed: ReleaseTarget, wanted: ReleaseTarget): Promise<void> {
    const { fleets } = await this.of(environment).fleets.inspect()
    if (fleets.every(({ instances }) => instances.length === 0)) return
    throw new SluiceError('STATE_CONFLICT', `${environment} runs on ${placed.name}, not on ${wanted.name}`, {
      hint: `name another environment for ${wanted.name}, move its users there, and then end this one`,
    })
  }

  #kind(name: string): TargetKind {
    const kind = this.#kinds.find((each) => each.name === name)
    if (kind !== undefined) return kind
    throw new SluiceError('USAGE', `this control plane knows no target ${name}`, {
      hint: `it knows ${this.#kinds.map((each) => each.name).join(', ')}`,
    })
  }
}
