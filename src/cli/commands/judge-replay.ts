import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import {
  type JudgementRecord,
  type JudgePolicy,
  type PolicyOverrides,
  policyFrom,
  type Replay,
  replay,
} from '../../judge/index.ts'
import { SluiceError } from '../../model/error.ts'
import { messageOf } from '../../support/message-of.ts'
import type { Context, Handler } from '../command.ts'

type Phase = 'shift' | 'bake'

interface Dossier extends JudgementRecord {
  readonly policy: JudgePolicy
  readonly phase: Phase
  readonly phases?: readonly Phase[]
}

export const judgeReplay: Handler<{ deployment: string }, { policy?: string; phase?: string }> = async (
  { args, options },
  context,
) => {
  const phase = phaseOf(options.phase)
  const client = await context.connect({ start: true })
  const { deployment } = args
  const dossier = (await client.dossier(deployment, phase === null ? {} : { phase })) as Dossier
  const file = options.policy ?? null
  const policy = file === null ? dossier.policy : await readPolicy(context, file, dossier.policy)
  const result = replay(dossier, policy)
  const { verdict } = result
  const limits = limitsOf(dossier, result, file)
  return {
    json: { status: 'ok', deployment, phase: dossier.phase, policy, verdict, decisions: result.decisions, limits },
    text: [
      `${deployment} (${dossier.phase}), judged again by ${file ?? 'its own policy'}:`,
      `  ${verdict.summary}${verdict.conclusive ? '' : ' (not conclusive)'}`,
      ...verdict.reasons.map((reason) => `  ${reason.test}: ${reason.text}`),
      ...limits.map((limit) => `  note: ${limit}`),
      ...otherPhases(dossier).map((other) => `  \`--phase ${other}\` judges that phase again`),
    ].join('\n'),
  }
}

/** What a replay cannot know. */
function limitsOf(dossier: Dossier, { missingSeconds }: Replay, file: string | null): readonly string[] {
  return [
    ...(file === null
      ? []
      : [
          'the samples are those of the weights that were really set: by this policy other shares of the users would have got the new release',
        ]),
    ...(dossier.seconds === undefined ? ['probes and live instances of that time are not kept'] : []),
    ...(missingSeconds > 0
      ? [`${Math.round(missingSeconds)} s are not kept: the control plane died before it had written them down`]
      : []),
  ]
}

function otherPhases({ phase, phases = [] }: Dossier): readonly Phase[] {
  return phases.filter((other) => other !== phase)
}

function phaseOf(option: unknown): Phase | null {
  if (option === undefined) return null
  if (option === 'shift' || option === 'bake') return option
  throw new SluiceError('USAGE', `${JSON.stringify(option)} is no phase that is judged`, {
    hint: 'write shift or bake',
  })
}

/** What the file leaves open is as it was: above all whether the weight was the judge's to set. */
async function readPolicy(context: Context, file: string, kept: JudgePolicy): Promise<JudgePolicy> {
  try {
    const overrides = JSON.parse(await readFile(resolve(context.cwd, file), 'utf8')) as PolicyOverrides
    const { mode, probes } = kept
    return policyFrom({ mode, ...(probes === undefined ? {} : { probes }), ...overrides })
  } catch (error) {
    throw new SluiceError('USAGE', `${file} is no policy: ${messageOf(error)}`, {
      hint: 'write JSON such as { "preset": "careful" }',
    })
  }
}
