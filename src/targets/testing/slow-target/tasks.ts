import type { InstanceState } from '../../../model/instance.ts'

/** What a program does wrong; the switches are those of the test application. */
export type Fault = 'not-listening' | 'unhealthy' | 'silent' | 'crashes'

/** One copy of a service. What it is at any time follows from when it was told what. Times in milliseconds. */
export interface Task {
  readonly id: string
  readonly release: string
  readonly service: string
  readonly index: number
  readonly isRouted: boolean
  readonly fault: Fault | null
  readonly exitCode: number
  readonly startedAtMs: number
  /** Its program runs. */
  readonly runsAtMs: number
  /** Per router: from when on it is sent requests, and from when on no more. */
  readonly knownAtMs: readonly number[]
  forgottenAtMs: readonly number[]
  leavesAtMs: number
  stoppedAtMs: number
  /** Requests that are being answered: until when. */
  open: number[]
  readonly log: { readonly atMs: number; readonly line: string }[]
}

export interface SeenTask {
  readonly id: string
  readonly release: string
  readonly service: string
  readonly index: number
  readonly state: InstanceState
  /** A router may still send requests. */
  readonly isKnown: boolean
  readonly startedAtMs: number
  readonly runsForMs: number
  readonly exitCode: number | null
  readonly fault: Fault | null
}

export function isThere(task: Task, atMs: number): boolean {
  return task.startedAtMs <= atMs && atMs < task.stoppedAtMs
}

/** Told to go, or gone: it does not count any more. */
export function isLeaving(task: Task, atMs: number): boolean {
  return task.leavesAtMs <= atMs || task.stoppedAtMs <= atMs
}

export function isKnownTo(task: Task, router: number, atMs: number): boolean {
  return (task.knownAtMs[router] ?? Infinity) <= atMs && atMs < (task.forgottenAtMs[router] ?? Infinity)
}

export function answers(task: Task, atMs: number): boolean {
  return task.fault === null && task.runsAtMs <= atMs && atMs < task.stoppedAtMs
}

export function seenTask(task: Task, atMs: number): SeenTask {
  const { id, release, service, index, fault, startedAtMs } = task
  const state = stateOf(task, atMs)
  return {
    id,
    release,
    service,
    index,
    state,
    isKnown: task.forgottenAtMs.some((_, router) => isKnownTo(task, router, atMs)),
    startedAtMs,
    runsForMs: Math.max(0, atMs - task.runsAtMs),
    exitCode: state === 'exited' ? task.exitCode : null,
    fault: task.runsAtMs <= atMs ? fault : null,
  }
}

function stateOf(task: Task, atMs: number): InstanceState {
  if (task.leavesAtMs <= atMs) return 'stopping'
  if (task.runsAtMs > atMs) return 'starting'
  if (task.fault === 'crashes') return 'exited'
  if (task.fault !== null) return 'unready'
  const isEverywhere = !task.isRouted || task.knownAtMs.every((known) => known <= atMs)
  return isEverywhere ? 'ready' : 'starting'
}
