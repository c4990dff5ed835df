import { expect, test } from 'vitest'
import type { DeploymentState } from '../model/deployment.ts'
import type { MessageKind } from '../store/messages.ts'
import type { EngineContext } from './context.ts'
import { Restoration } from './restoration.ts'

const environment = 'shop.production'

function waiting(state: DeploymentState, kind = 'deploy') {
  let arrive: (kind: MessageKind) => void = () => {}
  const context = {
    journal: { load: async () => ({ environment, state, kind }) },
    mailbox: {
      watch: (_deployment: string, onMessage: (message: { kind: MessageKind }) => void) => {
        arrive = (kind) => onMessage({ kind })
        return () => {}
      },
    },
  } as unknown as Pick<EngineContext, 'journal' | 'mailbox'>
  const restoration = new Restoration()
  const isBack = Promise.withResolvers<void>()
  restoration.begin(Promise.resolve(new Map([[environment, isBack.promise]])))
  let isOver = false
  const done = restoration.awaitFor(context, 'd1').then(() => {
    isOver = true
  })
  return { done, isOver: () => isOver, back: isBack.resolve, arrive: (kind: MessageKind) => arrive(kind) }
}

const moment = () => new Promise((resolve) => setImmediate(resolve))

test.each(['shifting', 'baking'] as const)(
  'what is %s goes on when its fleets are back after a start',
  async (state) => {
    const { done, isOver, back, arrive } = waiting(state)
    await moment()
    arrive('answer')
    await moment()
    expect(isOver()).toBe(false)
    back()
    await done
  },
)

test('a rollback does not wait for them, and a deployment that may be the cure does not either', async () => {
  const baking = waiting('baking')
  await moment()
  baking.arrive('roll-back')
  await baking.done
  await waiting('shifting', 'rollback').done
  await waiting('launching').done
  await waiting('queued').done
})
