import { setTimeout as sleep } from 'node:timers/promises'
import { SluiceError } from '../../model/error.ts'
import { messageOf } from '../../support/message-of.ts'
import type { Check, Examination } from '../checks/check.ts'
import { homeFolder, privacy } from '../checks/home.ts'
import { configuration, controlPlane, database, edge, ports } from '../checks/installation.ts'
import { clock, disk, git, haproxy, node, systemd } from '../checks/machine.ts'
import type { Handler } from '../command.ts'

/** Longer than what any of them waits for by itself: a control plane that hangs must not hang the doctor. */
const EXAMINATION_MS = 15_000

const examinations: readonly Examination[] = [
  node,
  git,
  clock,
  homeFolder,
  privacy,
  disk,
  database,
  haproxy,
  systemd,
  controlPlane,
  edge,
  configuration,
  ports,
]

export const doctor: Handler = async (_input, context) => {
  const results = await Promise.all(
    examinations.map((examine) =>
      Promise.race([examine(context), silence()]).catch(
        (error: unknown): Check => ({ name: examine.name, state: 'fail', detail: messageOf(error) }),
      ),
    ),
  )
  const isFailed = results.some((check) => check.state === 'fail')
  return {
    json: { status: isFailed ? 'fail' : 'ok', checks: results },
    text: results
      .map(
        ({ name, state, detail, cure }) =>
          `${state.padEnd(5)}${name}: ${detail}${cure === undefined ? '' : ` → ${cure}`}`,
      )
      .join('\n'),
    exitCode: isFailed ? 1 : 0,
  }
}

async function silence(): Promise<never> {
  await sleep(EXAMINATION_MS, undefined, { ref: false })
  throw new SluiceError('WAIT_TIMED_OUT', `no answer within ${EXAMINATION_MS / 1000} s`)
}
