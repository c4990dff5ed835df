import type { Context, Handler, Input } from '../command.ts'
import { forOwnEnvironment } from '../project.ts'
import { columns } from '../words.ts'

export const listEnvironments: Handler = async (_input, context) => {
  const client = await context.connect({ start: true })
  const environments = await client.environmentSummaries()
  const rows = environments.map((row) => [
    row.key,
    row.release ?? '-',
    row.urls.join(' '),
    `preview key ${row.previewKey}`,
  ])
  return {
    json: {
      status: 'ok',
      environments: environments.map(({ key, name, project, release, urls, previewKey }) => ({
        key,
        name,
        project,
        release,
        urls,
        previewKey,
      })),
    },
    text: rows.length === 0 ? 'no environment yet: `sluice deploy <environment>`' : columns(rows),
  }
}

export const hold: Handler<Held, Off> = (input, context) => setHold(input, context, 'wait')
export const maintenance: Handler<Held, Off> = (input, context) => setHold(input, context, 'maintenance')

type Held = { readonly environment: string }
type Off = { readonly off?: true; readonly service?: string }

async function setHold({ args, options }: Input<Held, Off>, context: Context, mode: 'wait' | 'maintenance') {
  const client = await context.connect({ start: true })
  const wanted = options.off === true ? 'off' : mode
  const { service } = options
  const keyOf = async (name: string) => (await client.environment(name)).key
  await forOwnEnvironment(context, args.environment, keyOf, (name) => client.hold(name, wanted, service))
  const said = { off: 'serves again', wait: 'makes requests wait', maintenance: 'shows the maintenance page' }[wanted]
  const whose = service === undefined ? args.environment : `${service} of ${args.environment}`
  return { json: { status: 'ok', mode: wanted, service: service ?? null }, text: `${whose} ${said}` }
}
