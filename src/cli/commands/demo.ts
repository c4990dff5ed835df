import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { access } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { SluiceError } from '../../model/error.ts'
import type { Handler } from '../command.ts'

/** The demonstration deploys an application of the repository: the package alone does not have it. */
export const demo: Handler = async ({ options }, context) => {
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
  await once(child, 'exit')
  const exitCode = child.exitCode ?? 1
  return { json: { status: exitCode === 0 ? 'ok' : 'failed' }, text: '', exitCode }
}
