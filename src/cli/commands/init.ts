import { basename } from 'node:path'
import { detectProject } from '../../config/detect/detect-project.ts'
import { writeInitialConfig } from '../../config/detect/write-config.ts'
import { SluiceError } from '../../model/error.ts'
import type { Handler } from '../command.ts'

export const init: Handler<object, { yes?: true }> = async ({ options }, context) => {
  const detected = await detectProject(context.cwd)
  context.say(`found: ${detected.framework}`)
  for (const line of [...detected.todo.map((todo) => `to do: ${todo}`), ...detected.notes]) context.say(`  ${line}`)
  if (options.yes !== true) {
    if (!context.isInteractive) {
      throw new SluiceError('USAGE', 'nobody can be asked here', { hint: 'write `sluice init --yes`' })
    }
    if (!(await context.confirm('Write the configuration?')))
      return { json: { status: 'cancelled' }, text: 'nothing was written' }
  }
  const { file, text } = await writeInitialConfig(context.cwd, detected)
  return {
    json: { status: 'ok', file, framework: detected.framework, todo: detected.todo, config: detected.config },
    text: `${text}\nwritten to ${basename(file)}; next: sluice deploy staging`,
  }
}
