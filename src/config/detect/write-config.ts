import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { SluiceError } from '../../model/error.ts'
import { writeFileAtomic } from '../../support/atomic-file.ts'
import { configNames } from '../find-file.ts'
import { validateConfig } from '../validate.ts'
import type { DetectedProject } from './detector.ts'
import { renderJson, renderTypeScript } from './render.ts'

export interface WrittenConfig {
  readonly file: string
  readonly text: string
}

/** Writes the first configuration of a project. Throws `USAGE` where one is there already, `CONFIG_INVALID` never. */
export async function writeInitialConfig(
  dir: string,
  detected: Pick<DetectedProject, 'config'>,
  { format = 'ts' }: { readonly format?: 'ts' | 'json' } = {},
): Promise<WrittenConfig> {
  const there = (await readdir(dir)).find((name) => configNames.includes(name))
  if (there !== undefined) {
    throw new SluiceError('USAGE', `${there} exists already`, {
      hint: 'change it, or remove it and run `sluice init` again',
    })
  }
  validateConfig(detected.config)
  const text = format === 'ts' ? renderTypeScript(detected.config) : renderJson(detected.config)
  const file = join(dir, `sluice.config.${format}`)
  await writeFileAtomic(file, text)
  return { file, text }
}
