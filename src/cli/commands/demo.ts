import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { access } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { SluiceError } from '../../model/error.ts'
import type { Context, Handler } from '../command.ts'
import { interruptedError } from '../interruption.ts'

/** The demonstration deploys an application of the repository: the package alone does not have it. */
export const demo: Handler<object, { keep?: true }> = async ({ options }, context) => {
  const program = fileURLToPath(new URL('../../../bench/demo/main.ts', import.meta.url))
  const isThere = await access(program).then(
    () => true,
    () => false,
  )
  if (!isThere) {
    throw new SluiceError('USAGE', 'the demonstration comes with the repository of Sluice, not with its package', {
      hint: 'clone the repository and run `npm run demo` there',
    })
  }
  const child = spawn(context.execPath, [program, ...(options.keep === true ? ['--keep'] : [])], {
    env: context.environment,
    // Its story is for people; a document for programs goes to standard output alone.
    stdio: ['ignore', context.output === 'text' ? 'inherit' : 2, 'inherit'],
  })
  const exitCode = await exitOf(child, context)
  if (context.interrupted.aborted) {
    throw exitCode === 130
      ? interruptedError('interrupted: everything that the demonstration had started is stopped', 'run it again')
      : new SluiceError('UNEXPECTED', `the demonstration was interrupted and ended with exit code ${exitCode}`, {
          hint: 'its last lines say what it could not stop',
        })
  }
  return { json: { status: exitCode === 0 ? 'ok' : 'failed' }, text: '', exitCode }
}

/** Passes Ctrl-C on: it may have been meant for this process alone. */
async function exitOf(child: ChildProcess, { interrupted }: Context): Promise<number> {
  const onInterrupt = () => void child.kill('SIGINT')
  if (interrupted.aborted) onInterrupt()
  interrupted.addEventListener('abort', onInterrupt, { once: true })
  await once(child, 'exit')
  return child.exitCode ?? 1
}
