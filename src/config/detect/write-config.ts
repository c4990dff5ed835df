import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { SluiceError } from '../../model/error.ts'
import { writeFileAtomic } from '../../support/atomic-file.ts'
import { configNames } from '../find-file.ts'
import { validateConfig } from '../validate.ts'
import { safeConfigForm } from './compiled-by-project.ts'
import type { DetectedProject } from './detector.ts'
import { openProjectFolder } from './project-folder.ts'
import { renderJson, renderModule } from './render.ts'

export interface WrittenConfig {
  readonly file: string
  readonly text: string
}

/**
 * Writes the first configuration of a project, by default in the form that its own compiler leaves alone. Throws `USAGE`
 * where one is there already, `CONFIG_INVALID` never.
 */
export async function writeInitialConfig(
  dir: string,
  detected: Pick<DetectedProject, 'config'>,
  { format }: { readonly format?: 'ts' | 'mjs' | 'json' } = {},
): Promise<WrittenConfig> {
  const there = (await readdir(dir)).find((name) => configNames.includes(name))
  if (there !== undefined) {
    throw new SluiceError('USAGE', `${there} exists already`, {
      hint: 'change it, or remove it and run `sluice init` again',
    })
  }
  validateConfig(detected.config)
  const form = format ?? (await safeConfigForm(await openProjectFolder(dir)))
  const text = form === 'json' ? renderJson(detected.config) : renderModule(detected.config)
  const file = join(dir, `sluice.config.${form}`)
  await writeFileAtomic(file, text)
  return { file, text }
}
