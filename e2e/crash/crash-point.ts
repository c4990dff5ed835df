import { appendFileSync } from 'node:fs'
import type { WorkflowsDecorator } from '../../src/engine/index.ts'
import type { Flow } from '../../src/engine/workflows/workflows.ts'

export interface CrashPointOptions {
  /** Gets a line for each boundary that is reached. */
  readonly trace: string
  /** The process kills itself there. */
  readonly at?: string
}

/**
 * Every step of a workflow has two boundaries of its own: before its body (all earlier outcomes are recorded), and after its
 * body while its outcome is not recorded yet. After the last step there is one more.
 */
export function crashPoint({ trace, at }: CrashPointOptions): WorkflowsDecorator {
  const reach = (boundary: string) => {
    appendFileSync(trace, `${boundary}\n`)
    if (boundary === at) process.kill(process.pid, 'SIGKILL')
  }
  const watched = (workflow: string, flow: Flow): Flow => ({
    isPatched: (name) => flow.isPatched(name),
    step: (name, body) =>
      flow.step(name, async () => {
        reach(`${workflow}: before ${name}`)
        try {
          return await body()
        } finally {
          reach(`${workflow}: after ${name}`)
        }
      }),
  })
  return (workflows) => ({
    ...workflows,
    register: <Input>(name: string, body: (flow: Flow, input: Input) => Promise<void>) => {
      workflows.register<Input>(name, async (flow, input) => {
        await body(watched(name, flow), input)
        reach(`${name}: at its end`)
      })
    },
  })
}
