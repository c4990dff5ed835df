import { join } from 'node:path'
import { SluiceError } from '../../model/error.ts'
import type { ReleaseRecord } from '../../model/release.ts'
import { masker } from '../../secrets/mask.ts'
import { run } from '../../support/run.ts'
import type { EngineContext } from '../context.ts'
import { secretValues } from '../secret-values.ts'

const RELEASE_COMMAND_MS = 15 * 60_000

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
        const secrets = await secretValues(context, release)
        const mask = masker([...Object.values(secrets), url])
        const result = await run(['/bin/sh', '-c', database.release], {
          cwd: join(await context.artifacts.tree(release.artifact), release.services[0]?.directory ?? ''),
          env: {
            ...context.userEnvironment,
            NODE_ENV: 'production',
            ...release.services[0]?.env,
            ...secrets,
            DATABASE_URL: url,
          },
          timeoutMs: RELEASE_COMMAND_MS,
          signal,
        })
        const lines = mask(`${result.stdout}${result.stderr}`).split('\n').filter(Boolean)
        if (lines.length > 0) {
          await context.journal.tell(deployment, 'deployment.log', { source: 'release', lines: lines.slice(-200) })
        }
        if (result.code !== 0) {
          throw new SluiceError(
            'RELEASE_COMMAND_FAILED',
            `the release command "${database.release}" ended with exit code ${result.code}`,
            {
              hint: 'users saw nothing: the release was not launched. Read its output, mend it and deploy again',
              details: { exitCode: result.code, logTail: lines.slice(-40) },
            },
          )
        }
      }),
    () => database.release ?? 'ready',
  )
}
