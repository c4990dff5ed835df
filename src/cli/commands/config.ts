import { basename } from 'node:path'
import { configJsonSchema } from '../../config/json-schema.ts'
import { printableConfig } from '../../config/print.ts'
import { resolveConfig } from '../../config/resolve.ts'
import { validateConfig } from '../../config/validate.ts'
import type { Handler } from '../command.ts'
import { loadProject } from '../project.ts'

export const printConfig: Handler<object, { env?: string }> = async ({ options }, context) => {
  const wanted = options.env
  const { document, file, projectDir } = await loadProject(context, wanted)
  const { environments } = validateConfig(document, basename(file))
  const environment = wanted ?? Object.keys(environments)[0] ?? 'production'
  const config = printableConfig(resolveConfig(document, environment, { projectDir, file: basename(file) }))
  return { json: { status: 'ok', config }, text: JSON.stringify(config, null, 2) }
}

export const validate: Handler = async (_input, context) => {
  const { document, file } = await loadProject(context)
  const { environments } = validateConfig(document, basename(file))
  const names = Object.keys(environments)
  return { json: { status: 'ok', file, environments: names }, text: `${basename(file)} is valid: ${names.join(', ')}` }
}

export const schema: Handler = async () => {
  const document = configJsonSchema()
  return { json: { status: 'ok', schema: document }, text: JSON.stringify(document, null, 2) }
}
