import type { ApiClient } from '../api/client/client.ts'
import type { Deployment } from '../engine/engine.ts'
import { cameToNothing, type Outcome } from '../model/deployment.ts'
import { SluiceError } from '../model/error.ts'
import type { Answer, Context } from './command.ts'
import { logTail } from './log-tail.ts'
import { lineView } from './progress/line-view.ts'
import { liveView } from './progress/live-view.ts'
import { duration, partsOf } from './words.ts'

export interface FollowOptions {
  readonly until: 'outcome' | 'serving'
  readonly timeoutMs: number | null
}

/** Longer timers fire at once; 24 days are as good as for ever. */
const MAX_TIMER_MS = 2 ** 31 - 1

const exitCodes: Readonly<Record<Outcome, number>> = {
  succeeded: 0,
  failed: 4,
  'rolled-back': 4,
  cancelled: 4,
  superseded: 4,
  'rollback-failed': 5,
}

/** Follows a deployment to its outcome and answers with it; the exit code is the true outcome's. */
export async function followDeployment(
  client: ApiClient,
  deployment: Deployment,
  context: Context,
  options: FollowOptions,
): Promise<Answer> {
  const title = `${deployment.id} ${deployment.environment}`
  const { terminal, isVerbose } = context
  const view =
    terminal === null
      ? lineView((line) => context.output === 'text' && context.say(line), isVerbose)
      : liveView(title, terminal)
  const timeout = new AbortController()
  const timer =
    options.timeoutMs === null ? null : setTimeout(() => timeout.abort(), Math.min(options.timeoutMs, MAX_TIMER_MS))
  const signal = AbortSignal.any([context.interrupted, timeout.signal])
  try {
    for await (const followed of client.follow(deployment.id, signal)) {
      if (followed.kind === 'end') return answerOf(followed.deployment)
      const { event } = followed
      context.emit(event.type, {
        sequence: event.sequence,
        at: event.at,
        deployment: event.deployment,
        data: event.data,
      })
      view.show(event)
      if (options.until === 'serving' && event.data.serving === true) {
        return answerOf(await client.deployment(deployment.id), 'serving')
      }
      if (event.data.ask === true) {
        const asked = await client.deployment(deployment.id)
        // A person at a terminal reads the question and goes on watching; a script has nobody to answer it.
        if (asked.question !== null && !context.isInteractive) return waitingAnswer(asked)
        if (asked.question !== null) view.note(questionText(asked))
      }
    }
  } catch (error) {
    // Its control plane was lost in the moment in which somebody left.
    if (!signal.aborted) throw error
  } finally {
    view.close()
    if (timer !== null) clearTimeout(timer)
  }
  if (timeout.signal.aborted) {
    throw new SluiceError('WAIT_TIMED_OUT', `${deployment.id} is still under way`, {
      hint: `follow it with \`sluice status ${deployment.environment}\`, take it back with \`sluice cancel ${deployment.id}\``,
      details: { deployment: deployment.id },
    })
  }
  throw new SluiceError('INTERRUPTED', `detached: ${deployment.id} goes on by itself`, {
    hint: `follow it with \`sluice status ${deployment.environment}\`, take it back with \`sluice cancel ${deployment.id}\``,
    details: { deployment: deployment.id },
  })
}

const WAITING_FOR_APPROVAL = 6

function waitingAnswer(deployment: Deployment): Answer {
  const { json } = answerOf(deployment, 'waiting')
  return {
    json: { ...json, question: deployment.question },
    text: questionText(deployment),
    exitCode: WAITING_FOR_APPROVAL,
  }
}

function questionText({ id, question }: Deployment): string {
  return [
    `${id} waits for a person: ${question?.text ?? ''} (until ${question?.deadline ?? 'its deadline'})`,
    `  promote it: sluice approve ${id}`,
    `  take it back: sluice approve ${id} --roll-back`,
  ].join('\n')
}

/** The document of `deploy` and `rollback`, and the same for people. */
export function answerOf(deployment: Deployment, status: string = deployment.state): Answer {
  const { id, release, previousRelease, urls, seconds, reason, verdict } = deployment
  const isEnded = !deployment.running
  const { project, name: environment } = partsOf(deployment.environment)
  return {
    json: { status, project, environment, deployment: id, release, previousRelease, urls, seconds, reason, verdict },
    text: summary(deployment, status),
    exitCode: isEnded ? exitCodes[deployment.state as Outcome] : 0,
  }
}

function summary(deployment: Deployment, status: string): string {
  const { environment, release, previousRelease, urls, seconds, reason, verdict } = deployment
  const took = seconds.total === undefined ? '' : ` in ${duration(seconds.total)}`
  const lines = [
    `${deployment.id} ${status}: ${environment} ${served(deployment, status, release, previousRelease)}${took}`,
  ]
  if (verdict !== null) lines.push(`  verdict: ${verdict.summary}`)
  if (reason !== null) {
    lines.push(`  reason: ${reason.message} (${reason.code})`)
    for (const problem of reason.problems ?? []) lines.push(`    ${problem.path}: ${problem.message}`)
    for (const line of logTail(reason.details)) lines.push(`  | ${line}`)
    if (reason.hint !== undefined) lines.push(`  hint: ${reason.hint}`)
  }
  if (urls.length > 0) lines.push(`  ${urls.join('  ')}`)
  return lines.join('\n')
}

function served({ state, running }: Deployment, status: string, release: string | null, previous: string | null) {
  const wanted = release ?? 'the new release'
  if (running && status !== 'serving') return `is on its way to ${wanted}`
  if (cameToNothing(state)) {
    if (previous !== null) return `is served by ${previous}, not by ${wanted}`
    // It ended before it had a release: then it does not know what serves either.
    return release === null ? 'is served as before' : 'serves nothing'
  }
  if (state === 'rollback-failed') {
    return `may be served by ${wanted}${previous === null ? '' : ` or by ${previous}`}: see \`sluice status\``
  }
  return `is served by ${wanted}${previous === null ? '' : `, before by ${previous}`}`
}
