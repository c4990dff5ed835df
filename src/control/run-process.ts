import { randomBytes } from 'node:crypto'
import { mkdir, open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import pino from 'pino'
import type { WorkflowsDecorator } from '../engine/index.ts'
import { isSluiceError } from '../model/error.ts'
import { maskCredentials } from '../secrets/credentials.ts'
import { writeFileAtomic } from '../support/atomic-file.ts'
import { homeAt } from '../support/home.ts'
import { messageOf } from '../support/message-of.ts'
import { identityOf } from '../support/process-identity.ts'
import { version } from '../support/version.ts'
import { startControlPlane } from './control-plane.ts'
import { edgeChoices, rememberedEdge } from './edge-choice.ts'
import { rememberedListen } from './listen-settings.ts'

export interface RunProcessOptions {
  /** `--home DIR [--edge node|haproxy]` */
  readonly args: readonly string[]
  readonly environment: NodeJS.ProcessEnv
  readonly execPath: string
  /** Leaves the process; only an entry point may. */
  readonly exit: (code: number) => void
  readonly decorateWorkflows?: WorkflowsDecorator
}

/** The life of a control plane's process: it listens, says where in `control/control.json`, and ends on a signal or when asked. */
export async function runControlProcess(options: RunProcessOptions): Promise<void> {
  const logger = pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime })
  process.on('unhandledRejection', (error) => {
    // A crash would be survived, but a bug in one place must not end the deployments of all.
    logger.error(error, 'unhandled rejection')
  })
  try {
    await serve(options, logger)
  } catch (error) {
    die(error, options, logger)
  }
}

/** Says why as its last words, which whoever started it reads. */
function die(error: unknown, { exit }: RunProcessOptions, logger: pino.Logger): void {
  if (isSluiceError(error)) logger.fatal({ error: JSON.stringify(error) }, error.message)
  else logger.fatal(error)
  exit(isSluiceError(error) ? error.exitCode : 1)
}

async function serve(options: RunProcessOptions, logger: pino.Logger): Promise<void> {
  const { environment, execPath, exit, decorateWorkflows } = options
  const { values } = parseArgs({
    args: [...options.args],
    options: { home: { type: 'string' }, edge: { type: 'string' } },
  })
  if (values.home === undefined) {
    logger.fatal('usage: process.ts --home DIR [--edge node|haproxy]')
    return exit(2)
  }
  const home = homeAt(values.home)
  const log = {
    info: (text: string) => logger.info(maskCredentials(text)),
    warn: (text: string) => logger.warn(maskCredentials(text)),
    error: (text: string) => logger.error(maskCredentials(text)),
  }
  await mkdir(home.control, { recursive: true, mode: 0o700 })
  let isStopping = false
  const stop = async (all: boolean) => {
    if (isStopping) return
    isStopping = true
    log.info(all ? 'stopping everything' : 'stopping; users are served on')
    try {
      await controlPlane.stop({ all })
      exit(0)
    } catch (error) {
      // Whoever asked must not wait for one that cannot stop: the next one looks at what is left.
      log.error(`not everything could be stopped: ${messageOf(error)}`)
      exit(1)
    }
  }
  const listen = await rememberedListen(home)
  const wanted = edgeChoices.find((name) => name === values.edge) ?? null
  const controlPlane = await startControlPlane({
    homeRoot: home.root,
    environment,
    execPath,
    edge: await rememberedEdge(home, wanted),
    listen,
    token: await readOrCreateToken(join(home.control, 'token')),
    version,
    log,
    onShutdown: ({ all }) => void stop(all),
    onTaken: (error) => die(error, options, logger),
    ...(decorateWorkflows === undefined ? {} : { decorateWorkflows }),
  })
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void stop(false))
  await writeFileAtomic(
    join(home.control, 'control.json'),
    JSON.stringify({ ...identityOf(process.pid), port: controlPlane.port, version, listen }),
  )
  log.info(`control plane ${version} listens on 127.0.0.1:${controlPlane.port}`)
}

/** Whoever is first makes it; readable by the owner alone. */
async function readOrCreateToken(file: string): Promise<string> {
  try {
    const handle = await open(file, 'wx', 0o600)
    const token = `sluice_${randomBytes(32).toString('base64url')}`
    await handle.writeFile(token)
    await handle.close()
    return token
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return (await readFile(file, 'utf8')).trim()
  }
}
