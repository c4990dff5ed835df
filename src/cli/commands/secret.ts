import { SluiceError } from '../../model/error.ts'
import type { Handler } from '../command.ts'
import { environmentKeyOf } from '../project.ts'
import { columns } from '../words.ts'

export const setSecret: Handler = async ({ args }, context) => {
  const { environment = '', name = '' } = args
  const input = await context.readInput()
  if (input === null || input === '') {
    throw new SluiceError('USAGE', `no value for ${name} came on standard input`, {
      hint: `printf %s "$VALUE" | sluice secret set ${environment} ${name}`,
    })
  }
  const client = await context.connect({ start: true })
  // `echo` ends its line: nobody means that line end as a part of the value.
  const info = await client.setSecret(await environmentKeyOf(context, environment), name, input.replace(/\r?\n$/, ''))
  return {
    json: { status: 'ok', ...info },
    text: `${name} is version ${info.version} now; releases made from now on get it`,
  }
}

export const listSecrets: Handler = async ({ args }, context) => {
  const client = await context.connect({ start: true })
  const secrets = await client.secrets(await environmentKeyOf(context, args.environment ?? ''))
  const rows = secrets.map(({ name, version, updatedAt }) => [name, `version ${version}`, updatedAt])
  return { json: { status: 'ok', secrets }, text: rows.length === 0 ? 'no secrets' : columns(rows) }
}

export const removeSecret: Handler = async ({ args }, context) => {
  const { environment = '', name = '' } = args
  const client = await context.connect({ start: true })
  await client.removeSecret(await environmentKeyOf(context, environment), name)
  return { json: { status: 'ok', name }, text: `${name} is gone from releases to come; old ones keep their version` }
}
