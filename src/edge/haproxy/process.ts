/** The agent of the HAProxy edge: `node process.ts --directory DIR`, started detached, told what to do by its control socket. */
import { parseArgs } from 'node:util'
import { SluiceError } from '../../model/error.ts'
import { serveControl } from '../control/control-server.ts'
import { prepareControlSocket } from '../control/control-socket.ts'
import { writeEdgeRecord } from '../edge-process.ts'
import { HaproxyAgent } from './agent/agent.ts'
import { EDGE_NAME, EDGE_VERSION } from './constants.ts'
import { findHaproxy } from './program/find-haproxy.ts'
import { chosenProgram } from './program/program.ts'

const { values } = parseArgs({ options: { directory: { type: 'string' } } })
const log = (text: string) => process.stderr.write(`${new Date().toISOString()} ${text}\n`)

process.on('unhandledRejection', (error) => log(`unhandled: ${error instanceof Error ? error.stack : String(error)}`))
// Whoever started us may go: only the control socket ends this process.
process.on('SIGHUP', () => {})

async function main(directory: string): Promise<void> {
  process.chdir(directory)
  const given = await chosenProgram(directory)
  const found = await findHaproxy({
    ...(given === undefined ? {} : { path: given }),
    searchPath: process.env['PATH'] ?? '',
  })
  if (found === null)
    throw new SluiceError('EDGE_UNREACHABLE', 'HAProxy is not installed', {
      hint: 'install haproxy 2.6 or newer, or use the Node edge',
    })
  if (found.problem !== null)
    throw new SluiceError('EDGE_UNREACHABLE', found.problem, { hint: 'install haproxy 2.6 or newer' })
  const agent = await HaproxyAgent.start({
    directory,
    haproxyPath: found.path,
    version: EDGE_VERSION,
    log,
    // The answer to `stop` has to leave first.
    onStopped: () => setTimeout(() => process.exit(0), 50),
  })
  await serveControl({
    edge: agent,
    path: await prepareControlSocket(directory),
    // Another version of the agent takes HAProxy over as it is.
    extra: { leave: () => agent.close({ stop: false }) },
  })
  await writeEdgeRecord(directory, { name: EDGE_NAME, version: EDGE_VERSION })
  process.on('SIGTERM', () => {
    agent.close({ stop: false }).catch((error: unknown) => log(String(error)))
  })
}

if (values.directory === undefined) {
  log('usage: process.ts --directory DIR')
  process.exit(2)
}
main(values.directory).catch((error: unknown) => {
  log(
    error instanceof SluiceError
      ? `${error.message}${error.hint === undefined ? '' : ` (${error.hint})`}`
      : String(error instanceof Error ? error.stack : error),
  )
  process.exit(1)
})
