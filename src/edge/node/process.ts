import { parseArgs } from 'node:util'
import { isSluiceError } from '../../model/error.ts'
import { EdgeService } from './edge-service.ts'
import { receiveTakeOver } from './hand-over.ts'
import { edgeVersion } from './version.ts'

// The Node edge as a process: `process.ts --directory DIR`. Its output goes to DIR/edge.log.
const { values } = parseArgs({ options: { directory: { type: 'string' }, successor: { type: 'boolean' } } })
const log = (message: string) => console.log(`${new Date().toISOString()} ${message}`)

if (values.directory === undefined) {
  console.error('usage: process.ts --directory DIR')
  process.exit(2)
}

// One request that goes wrong must not take everybody else's down with it.
process.on('uncaughtException', (error) => log(`unexpected: ${error.stack ?? String(error)}`))
process.on('unhandledRejection', (error) => log(`unexpected: ${error instanceof Error ? error.stack : String(error)}`))

try {
  const takeOver = values.successor === true ? await receiveTakeOver() : undefined
  const service = new EdgeService({
    directory: values.directory,
    version: edgeVersion(),
    log,
    exit: () => process.exit(0),
    ...(takeOver === undefined ? {} : { takeOver }),
  })
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void service.stop())
  process.on('SIGHUP', () => {})
  await service.start()
  process.send?.({ type: 'ready' })
} catch (error) {
  const reason = isSluiceError(error) ? `${error.code}: ${error.message}` : String(error)
  log(reason)
  if (process.send === undefined) process.exit(1)
  process.send({ type: 'failed', reason }, () => process.exit(1))
}
