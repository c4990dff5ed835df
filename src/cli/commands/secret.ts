import { SluiceError } from '../../model/error.ts'
import type { Handler } from '../command.ts'
import { environmentKeyOf } from '../project.ts'
import { columns } from '../words.ts'

export const setSecret: Handler<{ environment: string; name: string }> = async ({ args }, context) => {
  const { environment, name } = args
  const input = await context.readInput()
  if (input === null || input === '') {
    throw new SluiceError('USAGE', `no value for ${name} came on standard input`, {
      hint: `printf %s "$VALUE" | sluice secret set ${environment} ${name}`,
    })
  }
  // `echo` ends its line: nobody means that line end as a part of the value.
  const value = input.replace(/\r?\n$/, '')
  assertVariable(name, value)
  const key = await environmentKeyOf(context, environment)
  const client = await context.connect({ start: true })
  const info = await client.setSecret(key, name, value)
  return {
    json: { status: 'ok', ...info },
    text: `${name} is version ${info.version} now; releases made from now on get it`,
  }
}

const LONGEST = 64 * 1024

/** What no environment variable can hold would come out changed, or not at all. */
function assertVariable(name: string, value: string): void {
  const fault =
    value === ''
      ? 'is an empty line'
      : value.includes('\0')
        ? 'holds a NUL character'
        : value.includes('\uFFFD')
          ? 'is not valid UTF-8'
          : value.length > LONGEST
            ? `is longer than ${LONGEST} characters`
            : null
  if (fault === null) return
  const hint =
    value.length > LONGEST ? 'keep it where the program can fetch it, with a secret as the key' : 'encode it, as base64'
  throw new SluiceError('USAGE', `the value of ${name} ${fault}`, value === '' ? {} : { hint })
}

export const listSecrets: Handler<{ environment: string }> = async ({ args }, context) => {
  const client = await context.connect({ start: true })
  const secrets = await client.secrets(await environmentKeyOf(context, args.environment))
  const rows = secrets.map(({ name, version, updatedAt }) => [name, `version ${version}`, updatedAt])
  return { json: { status: 'ok', secrets }, text: rows.length === 0 ? 'no secrets' : columns(rows) }
}

export const removeSecret: Handler<{ environment: string; name: string }> = async ({ args }, context) => {
  const { environment, name } = args
  const client = await context.connect({ start: true })
  await client.removeSecret(await environmentKeyOf(context, environment), name)
  return { json: { status: 'ok', name }, text: `${name} is gone from releases to come; old ones keep their version` }
}
