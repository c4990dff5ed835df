import type { Instance } from '../model/instance.ts'
import type { ReleaseRecord } from '../model/release.ts'
import { messageOf } from '../support/message-of.ts'
import type { Gate, GateContext, GateResult } from './gate.ts'

/** Asks each new instance for the paths before any user does: 2xx or 3xx passes. */
export function smoke(paths: readonly string[]): Gate {
  return {
    name: 'smoke',
    stage: 'instance',
    run: async (context) => {
      const web = context.instances.filter((instance) => isWeb(context.release, instance))
      if (web.length * paths.length === 0) return { outcome: 'skipped', text: '0 checks passed' }
      for (const instance of web) {
        for (const path of paths) {
          const fault = await faultOf(context, instance, path)
          if (fault !== null) return fault
        }
      }
      return { outcome: 'pass', text: `${web.length * paths.length} checks passed` }
    },
  }
}

/** Null: it answered as it should. */
async function faultOf({ ask, signal }: GateContext, instance: Instance, path: string): Promise<GateResult | null> {
  const details = { instance: instance.id, path }
  signal.throwIfAborted()
  try {
    const { status, detail } = await ask(instance, path)
    if (status !== null && status >= 200 && status <= 399) return null
    const what = status === null ? `gave no answer: ${detail}` : `answered ${status}`
    return { outcome: 'fail', text: `smoke check GET ${path} of ${instance.id} ${what}`, details }
  } catch (error) {
    signal.throwIfAborted()
    return { outcome: 'error', text: `${instance.id} could not be asked for ${path}: ${messageOf(error)}`, details }
  }
}

function isWeb({ services }: ReleaseRecord, { service }: Instance): boolean {
  return services.find(({ name }) => name === service)?.kind === 'web'
}
