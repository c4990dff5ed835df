import { fileURLToPath } from 'node:url'
import { ensureControlPlane, livingControlPlane } from '../../control/start.ts'
import type { SluiceError } from '../../model/error.ts'
import { resolveDatabaseUrl } from '../../postgres/database-url.ts'
import { version as ownVersion } from '../../support/version.ts'
import type { Handler } from '../command.ts'
import { edgeOption, tellChosenEdge } from '../edge-option.ts'
import { interruptedError, unlessInterrupted } from '../interruption.ts'
import { systemdUnit } from '../systemd-unit.ts'

export const up: Handler<object, { edge?: string; printSystemd?: true }> = async ({ options }, context) => {
  const edge = edgeOption(options)
  if (options.printSystemd === true) {
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
  const { pid, port, version } = await unlessInterrupted(
    ensureControlPlane({
      replaceOtherVersion: true,
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
    json: { status: 'running', controlPlane: { pid, running: true, version }, home: context.home.root },
    text: `${before === null || before.version === version ? '' : `upgraded from ${before.version}: `}control plane ${version} runs on ${context.home.root} (process ${pid}, 127.0.0.1:${port})`,
  }
}

function goesOnStarting(): SluiceError {
  return interruptedError(
    'interrupted: the control plane may go on starting',
    'see `sluice status`; stop it with `sluice down`',
  )
}
