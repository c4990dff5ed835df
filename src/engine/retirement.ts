import { SluiceError } from '../model/error.ts'
import { currentFence } from '../store/leases.ts'
import { findRelease } from '../store/releases.ts'
import { within } from '../support/deadline.ts'
import type { Retired } from '../targets/target.ts'
import type { EngineContext } from './context.ts'
import { patienceWith } from './patience.ts'

export interface Leaving {
  readonly environment: string
  readonly release: string
  /** Whether users may have been led there; where none ever was, nobody has to leave. */
  readonly hadUsers: boolean
}

/**
 * Takes a fleet away, as soon as nobody is led there any more. Traffic was shifted elsewhere before; but connections that
 * stood then, and routers that are late, still lead users there for as long as the place says.
 */
export async function retireWhenLeft(context: EngineContext, leaving: Leaving, signal: AbortSignal): Promise<Retired> {
  const { environment, release } = leaving
  const target = context.targets.of(environment)
  const { leftMs, retireMs } = patienceWith(target.capabilities)
  const { clock } = context
  if (leaving.hadUsers) {
    await within(`waiting until ${release} gets no requests any more`, { deadlineMs: leftMs, signal, clock }, (late) =>
      untilQuiet(context, leaving, late),
    )
  }
  const deadlineMs = retireMs((await findRelease(context.database, release))?.record ?? null)
  const fence = await currentFence(context.database, environment)
  return target.fleets.retire(release, { signal, deadlineMs, fence })
}

/** Until all that is known of the last `quietMs` is that nothing came. */
async function untilQuiet({ clock, targets }: EngineContext, leaving: Leaving, signal: AbortSignal): Promise<void> {
  const target = targets.of(leaving.environment)
  const { quietMs, newsMs, tickMs } = patienceWith(target.capabilities)
  if (quietMs === 0) return
  const fromMs = clock.monotonicMs()
  for (;;) {
    await clock.sleep(tickMs, signal)
    if (clock.monotonicMs() - fromMs < quietMs + newsMs) continue
    const usage = await target.traffic.usage().catch(noNews)
    const left = usage?.releases[leaving.release]
    // The place took it away already.
    if (usage !== null && left === undefined) return
    if (left !== undefined && isOlder(left.lastRequestAt, clock.now().getTime() - quietMs - newsMs)) return
  }
}

/** A look that failed is no evidence, and no fault either. */
function noNews(error: unknown): null {
  if (error instanceof SluiceError) return null
  throw error
}

function isOlder(at: string | null, thanMs: number): boolean {
  return at === null || Date.parse(at) <= thanMs
}
