import type { ApiClient } from '../../api/client/client.ts'
import { SluiceError } from '../../model/error.ts'
import type { Context, Handler } from '../command.ts'
import { forEnvironment } from '../project.ts'

const MAX_TAIL = 100_000

export const logs: Handler<
  { environment: string; service?: string },
  { follow?: true; release?: string; tail?: string }
> = async ({ args, options }, context) => {
  const tail = Number(options.tail ?? 100)
  if (!Number.isInteger(tail) || tail < 0 || tail > MAX_TAIL) {
    throw new SluiceError('USAGE', `--tail ${options.tail} is no count of lines`, {
      hint: `write a number up to ${MAX_TAIL}`,
    })
  }
  const client = await context.connect({ start: true })
  const lines: unknown[] = []
  let count = 0
  const query = {
    environment: await forEnvironment(context, args.environment, async (name) => (await client.environment(name)).key),
    tail,
    follow: options.follow === true,
    signal: context.interrupted,
    ...(args.service === undefined ? {} : { service: args.service }),
    ...(options.release === undefined ? {} : { release: options.release }),
  }
  for await (const line of client.logs(query)) {
    count += 1
    context.emit('log', line)
    if (context.output === 'json') lines.push(line)
    if (context.output === 'text') context.print(`${line.instance} | ${line.line}`)
  }
  if (context.interrupted.aborted) {
    return { json: { status: 'interrupted', code: 'INTERRUPTED', lines }, text: '', exitCode: 130 }
  }
  if (count === 0 && tail > 0) await explainSilence(client, query, context)
  return { json: { status: 'ok', lines }, text: '' }
}

/** No line at all may be a name that was mistyped. */
async function explainSilence(
  client: ApiClient,
  { environment, service, release }: { environment: string; service?: string; release?: string },
  context: Context,
): Promise<void> {
  const shown = release ?? (await client.environment(environment)).release
  if (shown === null) return context.say(`nothing serves in ${environment}, and no log is kept`)
  const { record } = await client.release(shown)
  const services = record.services.map(({ name }) => name)
  if (service !== undefined && !services.includes(service)) {
    throw new SluiceError('USAGE', `${shown} has no service ${service}`, { hint: `it has: ${services.join(', ')}` })
  }
  if (record.environment !== environment) {
    throw new SluiceError('RELEASE_UNKNOWN', `${shown} is a release of ${record.environment}, not of ${environment}`)
  }
  context.say('no line is kept')
}
