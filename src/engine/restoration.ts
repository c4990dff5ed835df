import { hasUsers } from '../model/deployment.ts'
import type { EngineContext } from './context.ts'

/**
 * Knows what is being brought back after a start. Work that goes on in an environment waits for it: a machine that comes
 * up is no release that fails, and a bake would be judged by fleets that are still being launched.
 */
export class Restoration {
  #begun: Promise<ReadonlyMap<string, Promise<void>>> = Promise.resolve(new Map())

  /** By environment; none of them rejects. To be called before the work that waits for it goes on. */
  begin(work: Promise<ReadonlyMap<string, Promise<void>>>): void {
    this.#begun = work.catch(() => new Map())
  }

  /**
   * For a deployment that has users: until its environment is back, or somebody wants it ended. Others wait for nothing:
   * they may be the cure of what does not come back.
   */
  async awaitFor(context: Pick<EngineContext, 'journal' | 'mailbox'>, deployment: string): Promise<void> {
    const row = await context.journal.load(deployment).catch(() => null) // its own steps tell what is wrong
    if (row === null || row.kind === 'rollback' || !hasUsers(row.state)) return
    const isBack = this.#begun.then((all) => all.get(row.environment))
    let stop = () => {}
    const isEnded = new Promise<void>((resolve) => {
      stop = context.mailbox.watch(deployment, ({ kind }) => {
        if (kind !== 'answer' && kind !== 'end-bake') resolve()
      })
    })
    await Promise.race([isBack, isEnded]).finally(stop)
  }
}
