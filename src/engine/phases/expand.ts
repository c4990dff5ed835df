import { join } from 'node:path'
import { isSluiceError, SluiceError } from '../../model/error.ts'
import type { ReleaseRecord } from '../../model/release.ts'
import { masker } from '../../secrets/mask.ts'
import { boundedLines, limitedLog } from '../../support/lines.ts'
import { run } from '../../support/run.ts'
import { assertEnterable, userToRunAs, userVariables } from '../../support/system-user.ts'
import type { EngineContext } from '../context.ts'
import { secretValues } from '../secret-values.ts'
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
    () => database.release ?? 'ready',
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
  const secrets = await secretValues(context, release)
  const cwd = join(await context.artifacts.tree(release.artifact), service?.directory ?? '')
  const user = service === undefined ? undefined : userToRunAs(service)
  if (user !== undefined) assertEnterable(cwd, user)

  const output = heardOutput(context, deployment, masker([...Object.values(secrets), url]))
  const running = run(['/bin/sh', '-c', command], {
    cwd,
    env: {
      ...context.userEnvironment,
      ...(user === undefined ? {} : userVariables(user)),
      NODE_ENV: 'production',
      ...service?.env,
      ...secrets,
      DATABASE_URL: url,
    },
    timeoutMs: RELEASE_COMMAND_MS,
    signal,
    onChunk: output.write,
    ...(user === undefined ? {} : { user: { uid: user.uid, gid: user.gid } }),
  })
  let fault: Fault | null
  try {
    fault = await faultOf(running, signal)
  } finally {
    await output.end()
  }
  if (fault === null) return
  throw new SluiceError('RELEASE_COMMAND_FAILED', `the release command "${command}" ${fault.how}`, {
    hint: 'users saw nothing: the release was not launched. Read its output, mend it and deploy again',
    details: { exitCode: fault.exitCode, logTail: output.lastLines() },
  })
}

interface Fault {
  readonly how: string
  readonly exitCode: number | null
}

/** Null: it did what it should. Throws the reason of the signal. */
async function faultOf(running: ReturnType<typeof run>, signal: AbortSignal): Promise<Fault | null> {
  try {
    const { code } = await running
    if (code === 0) return null
    return { how: code === null ? 'was killed' : `ended with exit code ${code}`, exitCode: code }
  } catch (error) {
    if (!isSluiceError(error) || error.code !== 'DEADLINE_EXCEEDED' || signal.aborted) throw error
    return { how: `did not end within ${RELEASE_COMMAND_MS / 60_000} min`, exitCode: null }
  }
}

/** Tells the lines as they come; the last ones are kept for the error. */
function heardOutput(context: EngineContext, deployment: string, mask: (text: string) => string) {
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
