import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { type JudgePolicy, type PolicyOverrides, policyFrom, replayJudgement } from '../../judge/index.ts'
import { SluiceError } from '../../model/error.ts'
import type { Sample } from '../../model/sample.ts'
import { messageOf } from '../../support/message-of.ts'
import type { Context, Handler } from '../command.ts'

interface Dossier {
  readonly policy: JudgePolicy
  readonly oldRelease: string | null
  readonly newRelease: string
  readonly startedAt: string
  readonly samples: readonly Sample[]
}

export const judgeReplay: Handler = async ({ args, options }, context) => {
  const client = await context.connect({ start: true })
  const deployment = args.deployment ?? ''
  const dossier = (await client.dossier(deployment)) as Dossier
  const policy = typeof options.policy === 'string' ? await readPolicy(context, options.policy) : dossier.policy
  const verdict = replayJudgement(dossier, policy)
  return {
    json: { status: 'ok', deployment, policy, verdict },
    text: [
      `${deployment}, judged again by ${typeof options.policy === 'string' ? options.policy : 'its own policy'}:`,
      `  ${verdict.summary}${verdict.conclusive ? '' : ' (not conclusive)'}`,
      ...verdict.reasons.map((reason) => `  ${reason.test}: ${reason.text}`),
    ].join('\n'),
  }
}

async function readPolicy(context: Context, file: string): Promise<JudgePolicy> {
  try {
    return policyFrom(JSON.parse(await readFile(resolve(context.cwd, file), 'utf8')) as PolicyOverrides)
  } catch (error) {
    throw new SluiceError('USAGE', `${file} is no policy: ${messageOf(error)}`, {
      hint: 'write JSON such as { "preset": "careful" }',
    })
  }
}
