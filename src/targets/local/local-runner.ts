import { SluiceError } from '../../model/error.ts'
import type { ReleaseRecord, ReleaseService } from '../../model/release.ts'
import { run } from '../../support/run.ts'
import { assertEnterable, userToRunAs, userVariables } from '../../support/system-user.ts'
import type { Ran, Runner } from '../target.ts'
import type { LocalTargetOptions } from './local-context.ts'
import { workingFolder } from './routing/release-files.ts'

/** Runs commands in a release's folder, as the user and with the environment of one of its services. */
export function localRunner(
  options: Pick<LocalTargetOptions, 'files' | 'environmentOf'> & {
    readonly inherited: Readonly<Record<string, string>>
  },
): Runner {
  const { files, environmentOf, inherited } = options
  return {
    async run(release, order, { signal, deadlineMs }): Promise<Ran> {
      const service = serviceOf(release, order.service)
      const cwd = workingFolder(await files(release.artifact), service)
      const user = userToRunAs(service)
      if (user !== undefined) assertEnterable(cwd, user)
      const running = run(order.argv, {
        cwd,
        env: {
          ...inherited,
          ...(user === undefined ? {} : userVariables(user)),
          NODE_ENV: 'production',
          ...service.env,
          ...(await environmentOf(release, service.name)),
          ...order.env,
        },
        timeoutMs: deadlineMs,
        signal,
        onChunk: order.onOutput,
        ...(order.asked === undefined ? {} : { asked: order.asked }),
        ...(user === undefined ? {} : { user: { uid: user.uid, gid: user.gid } }),
      })
      return { exitCode: (await running).code }
    },
  }
}

function serviceOf(release: ReleaseRecord, name: string): ReleaseService {
  const service = release.services.find((each) => each.name === name)
  if (service !== undefined) return service
  throw new SluiceError('USAGE', `${release.id} has no service ${name}`, {
    hint: `it has: ${release.services.map((each) => each.name).join(', ')}`,
  })
}
