import { isSluiceError, SluiceError } from '../../model/error.ts'
import type { ReleaseRecord } from '../../model/release.ts'
import { maskCredentials } from '../../secrets/credentials.ts'
import type { Mask } from '../../secrets/mask.ts'
import { boundedLines, limitedLog } from '../../support/lines.ts'
import type { Ran } from '../../targets/target.ts'
import type { EngineContext } from '../context.ts'
import { maskedError } from '../environment-masks.ts'
import { patienceWith } from '../patience.ts'
import { toldLines } from '../told-lines.ts'

const RELEASE_COMMAND_MS = 15 * 60_000
const SHOWN_LINES = 40

/** Brings the environment's database up and runs the release command once before launch. */
export async function expand(context: EngineContext, deployment: string, release: ReleaseRecord): Promise<void> {
  const { database } = release
  if (database === null) return
  await context.journal.step(
    deployment,
    'database',
    () =>
      context.mailbox.heed(deployment, async (signal) => {
        const url = await context.databases.urlFor(release, signal)
        if (database.release === undefined || url === null) return
        await runReleaseCommand(context, deployment, release, { command: database.release, url, signal })
      }),
    () => (database.release === undefined ? 'ready' : maskCredentials(database.release)),
  )
}

/** In the folder and as the user of the first service. Throws `RELEASE_COMMAND_FAILED` with the last lines. */
async function runReleaseCommand(
  context: EngineContext,
  deployment: string,
  release: ReleaseRecord,
  { command, url, signal }: { readonly command: string; readonly url: string; readonly signal: AbortSignal },
): Promise<void> {
  const [service] = release.services
  if (service === undefined) return
  const target = context.targets.of(release.environment)
  await target.deliver(release.artifact, { signal, deadlineMs: patienceWith(target.capabilities).launchMs(release) })
  const mask = await context.masks.of(release.environment, [url])
  const output = heardOutput(context, deployment, mask)
  const order = { service: service.name, argv: ['/bin/sh', '-c', command], onOutput: output.write } as const
  let fault: Fault | null
  try {
    fault = await faultOf(target.runner.run(release, order, { signal, deadlineMs: RELEASE_COMMAND_MS }), signal)
  } finally {
    await output.end()
  }
  if (fault === null) return
  const failed = new SluiceError('RELEASE_COMMAND_FAILED', `the release command "${command}" ${fault.how}`, {
    hint: 'users saw nothing: the release was not launched. Read its output, mend it and deploy again',
    details: { exitCode: fault.exitCode, logTail: output.lastLines() },
  })
  throw maskedError(failed, mask)
}

interface Fault {
  readonly how: string
  readonly exitCode: number | null
}

/** Null: it did what it should. Throws the reason of the signal. */
async function faultOf(running: Promise<Ran>, signal: AbortSignal): Promise<Fault | null> {
  try {
    const { exitCode } = await running
    if (exitCode === 0) return null
    return { how: exitCode === null ? 'was killed' : `ended with exit code ${exitCode}`, exitCode }
  } catch (error) {
    if (!isSluiceError(error) || error.code !== 'DEADLINE_EXCEEDED' || signal.aborted) throw error
    return { how: `did not end within ${RELEASE_COMMAND_MS / 60_000} min`, exitCode: null }
  }
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
