import { mkdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import {
  type ListenOptions,
  type ListenSettings,
  listenUrl,
  parseListen,
  rememberListen,
} from '../../control/listen-settings.ts'
import { ensureControlPlane, livingControlPlane } from '../../control/start.ts'
import type { SluiceError } from '../../model/error.ts'
import { resolveDatabaseUrl } from '../../postgres/database-url.ts'
import type { Home } from '../../support/home.ts'
import { version as ownVersion } from '../../support/version.ts'
import type { Handler } from '../command.ts'
import { edgeOption, tellChosenEdge } from '../edge-option.ts'
import { interruptedError, unlessInterrupted } from '../interruption.ts'
import { systemdUnit } from '../systemd-unit.ts'

interface Options extends ListenOptions {
  readonly edge?: string
  readonly printSystemd?: true
}

export const up: Handler<object, Options> = async ({ options }, context) => {
  const edge = edgeOption(options)
  const listen = parseListen(options, context.cwd)
  if (options.printSystemd === true) {
    if (listen !== null) await rememberForUnit(context.home, listen)
    const program = fileURLToPath(new URL('../../control/process.ts', import.meta.url))
    const unit = systemdUnit({
      execPath: context.execPath,
      program: import.meta.url.endsWith('.js') ? program.replace(/\.ts$/, '.js') : program,
      home: context.home.root,
      isOfUser: process.getuid?.() !== 0,
      edge,
      needsVariables: resolveDatabaseUrl(context.environment).kind === 'url',
    })
    return { json: { status: 'ok', unit }, text: unit.trimEnd() }
  }
  const before = await livingControlPlane(context.home)
  if (edge !== null && before?.version === ownVersion) await tellChosenEdge(edge, context)
  const {
    pid,
    port,
    version,
    listen: heard,
  } = await unlessInterrupted(
    ensureControlPlane({
      replaceUnlike: true,
      ...(listen === null ? {} : { listen }),
      homeRoot: context.home.root,
      execPath: context.execPath,
      environment: context.environment,
      ...(edge === null ? {} : { edge }),
    }),
    context.interrupted,
    goesOnStarting,
    0,
  )
  return {
    json: {
      status: 'running',
      controlPlane: { pid, running: true, version },
      home: context.home.root,
      url: heard == null ? null : listenUrl(heard),
    },
    text: [
      `${before === null || before.version === version ? '' : `upgraded from ${before.version}: `}control plane ${version} runs on ${context.home.root} (process ${pid}, 127.0.0.1:${port})`,
      ...(heard == null
        ? []
        : [`others log in with \`sluice login ${listenUrl(heard)}\` and the token in ${context.home.control}/token`]),
    ].join('\n'),
  }
}

async function rememberForUnit(home: Home, listen: ListenSettings | 'off'): Promise<void> {
  await mkdir(home.control, { recursive: true, mode: 0o700 })
  await rememberListen(home, listen)
}

function goesOnStarting(): SluiceError {
  return interruptedError(
    'interrupted: the control plane may go on starting',
    'see `sluice status`; stop it with `sluice down`',
  )
}
