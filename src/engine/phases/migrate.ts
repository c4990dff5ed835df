import { isSluiceError, SluiceError } from '../../model/error.ts'
import type { ReleaseRecord } from '../../model/release.ts'
import { maskCredentials } from '../../secrets/credentials.ts'
import type { Mask } from '../../secrets/mask.ts'
import { boundedLines, limitedLog } from '../../support/lines.ts'
import { hintOfReadOnlyFolder } from '../../support/read-only-folder.ts'
import type { Ran } from '../../targets/target.ts'
import type { EngineContext } from '../context.ts'
import { maskedError } from '../environment-masks.ts'
import type { Told } from '../mailbox.ts'
import { patienceWith } from '../patience.ts'
import { type Phase, planned } from '../phase.ts'
import { toldLines } from '../told-lines.ts'

const RELEASE_COMMAND_MS = 15 * 60_000
const SHOWN_LINES = 40

/** The database becomes what the new release expects. */
export const migrate: Phase = planned({
  name: 'migrate',
  state: 'migrating',
  interrupt: 'at-safe-point',
  run: (context, flow, run) => flow.step('expand', () => expand(context, run.deployment, run.release)),
})

/** Brings the environment's database up and runs the release command once before launch. */
async function expand(context: EngineContext, deployment: string, release: ReleaseRecord): Promise<void> {
  const { database } = release
  if (database === null) return
  await context.journal.step(
    deployment,
    'database',
    () =>
      context.mailbox.heed(deployment, async (signal, told) => {
        const url = await context.databases.urlFor(release, told.asked)
        if (database.release === undefined || url === null) return
        await context.journal.move(deployment, migrate.state)
        await runReleaseCommand(context, deployment, release, { command: database.release, url, signal, told })
      }),
    () => (database.release === undefined ? 'ready' : maskCredentials(database.release)),
  )
}

interface ReleaseCommand {
  readonly command: string
  readonly url: string
  readonly signal: AbortSignal
  readonly told: Told
}

/**
 * In the folder and as the user of the first service. Throws `RELEASE_COMMAND_FAILED` with the last lines; a message lets it
 * finish what it is at, and is the error then, with how it ended.
 */
async function runReleaseCommand(
  context: EngineContext,
  deployment: string,
  release: ReleaseRecord,
  { command, url, signal, told }: ReleaseCommand,
): Promise<void> {
  const [service] = release.services
  if (service === undefined) return
  const target = context.targets.of(release.environment)
  await target.deliver(release.artifact, {
    signal: told.asked,
    deadlineMs: patienceWith(target.capabilities).scaleMs(release),
  })
  const mask = await context.masks.of(release.environment, [url])
  const output = heardOutput(context, deployment, mask)
  const order = {
    service: service.name,
    argv: ['/bin/sh', '-c', command],
    onOutput: output.write,
    asked: told.asked,
  } as const
  told.asked.throwIfAborted()
  let fault: Fault | null
  try {
    fault = await faultOf(target.runner.run(release, order, { signal, deadlineMs: RELEASE_COMMAND_MS }), signal, told)
  } finally {
    await output.end()
  }
  if (fault === null) return
  const failed = new SluiceError('RELEASE_COMMAND_FAILED', `the release command "${command}" ${fault.how}`, {
    hint: `users saw nothing: the release was not launched. ${hintOfReadOnlyFolder(output.lastLines()) ?? 'Read its output, mend it and deploy again'}`,
    details: { exitCode: fault.exitCode, logTail: output.lastLines() },
  })
  throw maskedError(failed, mask)
}

interface Fault {
  readonly how: string
  readonly exitCode: number | null
}

/** Null: it did what it should, and nobody had asked it to stop meanwhile. */
async function faultOf(running: Promise<Ran>, signal: AbortSignal, told: Told): Promise<Fault | null> {
  let exitCode: number | null
  try {
    exitCode = (await running).exitCode
  } catch (error) {
    if (signal.aborted) throw stopped(told, `did not end within ${told.graceMs / 1000} s and was killed`)
    if (!isSluiceError(error) || error.code !== 'DEADLINE_EXCEEDED') throw error
    return { how: `did not end within ${RELEASE_COMMAND_MS / 60_000} min`, exitCode: null }
  }
  const how = exitCode === null ? 'was killed' : `ended with exit code ${exitCode}`
  if (told.asked.aborted) throw stopped(told, exitCode === null ? 'ended' : how)
  return exitCode === 0 ? null : { how, exitCode }
}

/** Why it was asked to stop, and how it did. */
function stopped({ asked }: Told, how: string): SluiceError {
  const reason: SluiceError = asked.reason
  return new SluiceError(reason.code, `${reason.message}; the release command was asked to stop and ${how}`, {
    hint: 'users saw nothing, but the database keeps what the command had done by then',
    details: reason.details,
  })
}

/** Tells the lines as they come; the last ones are kept for the error. */
function heardOutput(context: EngineContext, deployment: string, mask: Mask) {
  const told = toldLines(context, deployment, 'release')
  const tail: string[] = []
  const log = limitedLog((line) => told.add(line))
  const hear = () =>
    boundedLines((line) => {
      const shown = mask(line)
      if (tail.push(shown) > SHOWN_LINES) tail.shift()
      log.add(shown)
    })
  const streams = { stdout: hear(), stderr: hear() }
  return {
    write: (chunk: Buffer, from: 'stdout' | 'stderr') => streams[from].write(chunk),
    end: async () => {
      streams.stdout.end()
      streams.stderr.end()
      await told.flush()
    },
    lastLines: (): readonly string[] => tail,
  }
}
