import { SluiceError } from '../../model/error.ts'
import type { Handler } from '../command.ts'
import { forEnvironment } from '../project.ts'

export const logs: Handler = async ({ args, options }, context) => {
  const tail = Number(options.tail ?? 100)
  if (!Number.isInteger(tail) || tail < 0)
    throw new SluiceError('USAGE', `--tail ${String(options.tail)} is no count of lines`)
  const client = await context.connect({ start: true })
  const lines: unknown[] = []
  const query = {
    environment: await forEnvironment(
      context,
      args.environment ?? '',
      async (name) => (await client.environment(name)).key,
    ),
    tail,
    follow: options.follow === true,
    signal: context.interrupted,
    ...(args.service === undefined ? {} : { service: args.service }),
    ...(typeof options.release === 'string' ? { release: options.release } : {}),
  }
  for await (const line of client.logs(query)) {
    context.emit('log', line)
    if (context.output === 'json') lines.push(line)
    if (context.output === 'text') context.print(`${line.instance} | ${line.line}`)
  }
  if (context.interrupted.aborted) {
    return { json: { status: 'interrupted', code: 'INTERRUPTED', lines }, text: '', exitCode: 130 }
  }
  return { json: { status: 'ok', lines }, text: '' }
}
