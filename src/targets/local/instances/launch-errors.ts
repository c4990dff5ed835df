import { SluiceError } from '../../../model/error.ts'
import type { ReleaseService } from '../../../model/release.ts'
import { hintOfReadOnlyFolder } from '../../../support/read-only-folder.ts'
import type { RunState } from '../processes/runtime.ts'
import type { ListeningSocket } from './listening-sockets.ts'
import type { ProbeResult } from './probe.ts'

/** Lines of the log that come with every failure. */
export const TAIL_LINES = 40

/** What is known when an instance failed to become ready. */
export interface LaunchEvidence {
  readonly run: RunState
  readonly service: ReleaseService
  readonly logTail: readonly string[]
  readonly waitedMs: number
}

export function crashed({ run, service, logTail, waitedMs }: LaunchEvidence): SluiceError {
  const code = run.exit?.code ?? null
  const way =
    code === null ? 'was killed' : code > 128 ? `was ended by signal ${code - 128}` : `exited with code ${code}`
  return new SluiceError('INSTANCE_CRASHED', `${service.name} ${way} ${seconds(waitedMs)} after its start`, {
    hint:
      hintOfReadOnlyFolder(logTail) ??
      `read the log lines below; \`${service.start ?? ''}\` must stay in the foreground`,
    details: { ...facts(run, logTail), exitCode: code },
  })
}

/** The deadline passed: each way of not being ready has its own cure. */
export function neverReady(
  evidence: LaunchEvidence,
  last: ProbeResult | null,
  sockets: readonly ListeningSocket[] | null,
): SluiceError {
  if (last === null || last.kind === 'refused') return notListening(evidence, sockets)
  const { run, service, logTail, waitedMs } = evidence
  const path = service.health.path ?? ''
  if (last.kind === 'status') {
    return new SluiceError(
      'INSTANCE_UNHEALTHY',
      `${service.name} answers GET ${path} with ${last.status}, for ${seconds(waitedMs)}`,
      {
        hint:
          hintOfReadOnlyFolder(logTail) ??
          'a 2xx or 3xx is expected: see the log lines below, or set `health` of the service to the right path',
        details: { ...facts(run, logTail), status: last.status, path },
      },
    )
  }
  const seen = last.kind === 'silent' ? last.detail : 'not twice in a row'
  return new SluiceError(
    'INSTANCE_NEVER_READY',
    `${service.name} did not become ready within ${seconds(waitedMs)}: GET ${path} got ${seen}`,
    {
      hint: 'see the log lines below; a slow start needs a longer `health.ready`, a blocked one a fix',
      details: { ...facts(run, logTail), path },
    },
  )
}

function notListening(evidence: LaunchEvidence, sockets: readonly ListeningSocket[] | null): SluiceError {
  const { run, service, logTail, waitedMs } = evidence
  const elsewhere = (sockets ?? []).map(
    ({ address, port }) => `${address.includes(':') ? `[${address}]` : address}:${port}`,
  )
  const rightPort = (sockets ?? []).some(({ port }) => port === run.port)
  const message =
    elsewhere.length === 0
      ? `${service.name} opened no port within ${seconds(waitedMs)}; PORT is ${run.port}`
      : `${service.name} listens on ${elsewhere.join(', ')} and not on 127.0.0.1:${run.port}, which PORT asks for`
  const hint =
    elsewhere.length === 0
      ? 'the program must listen on the port in the environment variable PORT; see the log lines below'
      : rightPort
        ? 'listen on the address in the environment variable HOST (127.0.0.1), or on all'
        : 'listen on the port in the environment variable PORT instead of a fixed one'
  return new SluiceError('INSTANCE_NOT_LISTENING', message, {
    hint,
    details: { ...facts(run, logTail), port: run.port, listensOn: elsewhere },
  })
}

function facts(run: RunState, logTail: readonly string[]): Readonly<Record<string, unknown>> {
  return { instance: run.id, release: run.release, service: run.service, exitCode: null, logTail }
}

function seconds(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`
}
