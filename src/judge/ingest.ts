import type { Sample } from '../model/sample.ts'
import { answersOf } from './answers.ts'
import { addConversions, closeBusinessBlock } from './business-test.ts'
import { addFastBlock, chooseBets, restartWhenDue } from './fast-test.ts'
import type { JudgeInput } from './judge.ts'
import { addLatency, addPending, closeLatencyBlocks, toleratedShift } from './latency-test.ts'
import { addLevelBlock } from './level-test.ts'
import { exceeds } from './old-rate.ts'
import { thresholdsOf } from './policy.ts'
import { addProbe } from './probe-watch.ts'
import { addToRatio } from './ratio-sequence.ts'
import { addToCell, cellAt, closeCells, type RobustTest } from './robust-test.ts'
import { addRoutes } from './route-watch.ts'
import { addRequests } from './routing-guard.ts'
import { bookShared } from './second-look.ts'
import { openSlot, recent, slotOf } from './seconds.ts'
import { forgetGone, isCold, serving } from './served.ts'
import type { JudgeState } from './state.ts'
import { addSuspect, fadeSuspects, isEjected } from './suspects.ts'
import { addWebVital, closeWebVitalsBlock } from './web-vitals-test.ts'

/** Events of one arrival second and weight that became known in this step. */
interface Group {
  readonly second: number
  readonly weight: number
  /** Kind of bet per gambler, chosen before anything of that second was seen. */
  readonly mask: number
  requestsOld: number
  requestsNew: number
  answeredNew: number
  badOld: number
  badNew: number
}

/** One increment, and what the judge knows about it. */
interface Increment {
  readonly sample: Sample
  readonly release: 'old' | 'new'
  readonly second: number
  readonly weight: number
  /** Failures that speak about the release: one per visitor, none of an ejected instance. */
  readonly bad: number
  /** Requests that came to an end. */
  readonly ended: number
  /** Requests that count in favour: a request that hangs is not a clean one. */
  readonly answered: number
}

/** Books everything that became known and brings each test up to date. */
export function ingest(state: JudgeState, input: JudgeInput): void {
  const now = Math.floor(input.second)
  restartWhenDue(state.fast, now)
  const groups: Group[] = []
  const gamble = bettingRules(state)
  const shift = latencyShift(state, input)
  let reopened = false
  for (const release of ['old', 'new'] as const) {
    for (const sample of input[release].samples) {
      // What arrived before the judgement belongs to the history, or to an earlier deployment.
      if (Math.floor(sample.from) < (state.startedAt ?? now)) continue
      const increment = incrementOf(state, input, sample, release)
      const { second, weight } = increment
      group(increment, groupOf(groups, second, weight, gamble))
      bookTotals(state, increment)
      if (bookFailures(state, increment)) reopened = true
      if (bookSecondLook(state, increment)) reopened = true
      bookLatency(state, increment, shift)
      if (sample.routes !== undefined) addRoutes(state.routes, release, sample.routes, weight)
    }
  }
  for (const one of groups) bookGroup(state, input, one, now)
  takeOther(state, input, now)
  closeAll(state, input, now, reopened)
}

function incrementOf(state: JudgeState, input: JudgeInput, sample: Sample, release: 'old' | 'new'): Increment {
  const second = Math.floor(sample.from)
  const known = slotOf(state.seconds, second)
  const weight = sample.weight ?? (known >= 0 ? (state.seconds.weight[known] ?? 0) : input.weight)
  const isExcused = release === 'new' && isEjected(state.suspects, sample.instance, second)
  const ended = answersOf(sample)
  if (ended > 0) state.answersKnown = true
  return {
    sample,
    release,
    second,
    weight,
    bad: isExcused ? 0 : (sample.distinctBad ?? sample.bad),
    ended,
    answered: state.answersKnown ? ended : sample.requests,
  }
}

function group({ sample, release, bad, answered }: Increment, into: Group): void {
  if (release === 'new') {
    into.requestsNew += sample.requests
    into.answeredNew += answered
    into.badNew += bad
  } else {
    into.requestsOld += sample.requests
    into.badOld += bad
  }
}

function bookTotals(state: JudgeState, { sample, release, second }: Increment): void {
  const totals = state.totals[release]
  totals.requests += sample.requests
  totals.bad += sample.bad
  totals.distinct += sample.distinctBad ?? sample.bad
  if (sample.requests > 0 && sample.instance !== undefined) state.served[sample.instance] ??= second
}

/** True when a cell that was closed has changed. */
function bookFailures(state: JudgeState, { sample, release, second, weight, bad }: Increment): boolean {
  const instance = sample.instance ?? '*'
  if (release === 'new' && second >= state.exposure.from) addSuspect(state.suspects, instance, bad, sample.requests)
  if (bad === 0) return false
  return weight > 0 && addBad(state.robust, second, release, instance, bad)
}

/** What the second look counts: arrivals since it began, of its route if it has one. True when a closed cell has changed. */
function bookSecondLook(state: JudgeState, { sample, release, second, weight, bad, answered }: Increment): boolean {
  const { doubt } = state
  if (doubt?.robust == null || weight <= 0 || second < doubt.robust.from) return false
  const ofRoute = doubt.route === undefined ? undefined : sample.routes?.[doubt.route]
  if (doubt.route !== undefined && ofRoute === undefined) return false
  const failed = ofRoute?.bad ?? bad
  const requests = ofRoute?.requests ?? sample.requests
  const reopened = failed > 0 && addBad(doubt.robust, second, release, sample.instance ?? '*', failed)
  bookRequests(doubt.robust, second, release, requests)
  if (release === 'new') {
    doubt.requests += ofRoute?.requests ?? answered
    doubt.bad += failed
  }
  return reopened
}

function bookLatency(state: JudgeState, { sample, release, second, ended }: Increment, shift: number): void {
  const baseline = state.learned.latency
  if (baseline === null || state.latency === null) return
  if (isCold(state, sample.instance, second)) return
  const { latency } = sample
  if (latency !== undefined) {
    addLatency(state.latency, second, release, latency, baseline, shift)
    const again = state.doubt?.latency
    if (again != null) addLatency(again, second, release, latency, baseline, shift)
  }
  if (state.answersKnown) addPending(state.latency, second, release, sample.requests - ended, shift)
}

/** Which kind of bet for a second and weight; known seconds keep what was chosen for them. */
function bettingRules(state: JudgeState): (second: number, weight: number) => number {
  const { learned, seconds, oldRecent } = state
  const isSound = !exceeds(oldRecent.bad, oldRecent.requests, learned.old.ceiling)
  return (second, weight) => {
    const known = slotOf(seconds, second)
    if (known >= 0 && seconds.weight[known] === weight) return seconds.mask[known] ?? 0
    const mask = chooseBets(weight, learned.old.rate, learned.bets, isSound)
    if (known < 0) openSlot(seconds, second, weight, mask)
    // Two weights within one second: the second one makes label bets only, which is always allowed.
    return known < 0 ? mask : 0
  }
}

function groupOf(
  groups: Group[],
  second: number,
  weight: number,
  gamble: (second: number, weight: number) => number,
): Group {
  for (let i = groups.length - 1; i >= 0; i--) {
    const group = groups[i]
    if (group !== undefined && group.second === second && group.weight === weight) return group
  }
  const mask = gamble(second, weight)
  const group = { second, weight, mask, requestsOld: 0, requestsNew: 0, answeredNew: 0, badOld: 0, badNew: 0 }
  groups.push(group)
  return group
}

function addBad(test: RobustTest, second: number, release: 'old' | 'new', instance: string, bad: number): boolean {
  const cell = cellAt(test, second)
  if (cell === undefined) return false
  addToCell(cell, release, instance, bad)
  return cell.closed
}

function bookRequests(test: RobustTest, second: number, release: 'old' | 'new', requests: number): void {
  if (requests === 0) return
  const cell = cellAt(test, second)
  if (cell === undefined) return
  if (release === 'new') cell.requestsNew += requests
  else cell.requestsOld += requests
}

function bookGroup(state: JudgeState, input: JudgeInput, group: Group, now: number): void {
  const { seconds, policy, learned } = state
  const slot = slotOf(seconds, group.second)
  if (slot >= 0) {
    seconds.requestsOld[slot] = (seconds.requestsOld[slot] ?? 0) + group.requestsOld
    seconds.badOld[slot] = (seconds.badOld[slot] ?? 0) + group.badOld
    seconds.requestsNew[slot] = (seconds.requestsNew[slot] ?? 0) + group.requestsNew
  }
  const weight = state.routing.mismatch ? observedShare(state, slot, group.weight) : group.weight
  const { badNew, requestsNew } = group
  const badAll = badNew + group.badOld
  const tolerated = policy.metrics.errorTolerance ?? 1
  if (policy.metrics.errors) {
    addFastBlock(state.fast, { badNew, badAll, requestsNew, weight }, group.mask, learned.bets, tolerated)
  }
  addToRatio(state.ratio, badNew, badAll, weight)
  const perRequest = input.capabilities.assignment === 'request'
  addRequests(state.routing, requestsNew, requestsNew + group.requestsOld, group.weight, perRequest)
  if (weight > 0) {
    bookRequests(state.robust, group.second, 'old', group.requestsOld)
    bookRequests(state.robust, group.second, 'new', requestsNew)
  }
  state.missed = requestsNew > 0 ? 0 : state.missed + group.weight * group.requestsOld
  if (group.second >= state.exposure.from) {
    state.exposure.requests += group.answeredNew
    state.exposure.bad += badNew
  }
  const oldIsAbove = exceeds(state.oldRecent.bad, state.oldRecent.requests, policy.absoluteLimit)
  if (policy.metrics.errors && !oldIsAbove && policy.absoluteLimit < 0.95) {
    addLevelBlock(state.absolute.alarm, now, requestsNew, badNew)
    addLevelBlock(state.absolute.alone, now, requestsNew, badNew)
    if (state.doubt?.level != null && group.second >= (state.doubt.since ?? 0)) {
      addLevelBlock(state.doubt.level, now, requestsNew, badNew)
    }
  }
  bookShared(state, group.second, badNew, badAll, weight)
}

function observedShare(state: JudgeState, slot: number, stated: number): number {
  if (slot < 0) return stated
  const ofNew = state.seconds.requestsNew[slot] ?? 0
  const all = ofNew + (state.seconds.requestsOld[slot] ?? 0)
  return all === 0 ? stated : ofNew / all
}

function latencyShift(state: JudgeState, input: JudgeInput): number {
  const { latencyTolerance = 0.19 } = state.policy.metrics
  const spread = state.learned.latency?.instanceSpread ?? 0
  return toleratedShift(latencyTolerance, spread, Math.max(1, input.new.instances.length))
}

/** Conversions, web vitals and probes. */
function takeOther(state: JudgeState, input: JudgeInput, now: number): void {
  for (const { from, release, weight, count } of input.conversions ?? []) {
    const slot = slotOf(state.seconds, Math.floor(from))
    const atVisit = weight ?? (slot >= 0 ? (state.seconds.weight[slot] ?? 0) : input.weight)
    addConversions(state.business, release === 'new' ? count : 0, release === 'old' ? count : 0, atVisit)
  }
  for (const count of input.webVitals ?? []) addWebVital(state.webVitals, count)
  const cap = Math.log(1 / thresholdsOf(state.policy).rollBack) / 3
  for (const probe of input.probes) {
    addProbe(state.probes, probe, cap)
    if (probe.release === 'new' && now >= state.exposure.from) {
      state.exposure.requests += 0.5
      state.exposure.bad += probe.ok ? 0 : 0.5
    }
  }
}

function closeAll(state: JudgeState, input: JudgeInput, now: number, changed: boolean): void {
  const liveOld = serving(state, input.old.instances).length
  closeCells(state.robust, now, liveOld, changed)
  const { doubt, learned } = state
  if (doubt?.robust != null) closeCells(doubt.robust, now, liveOld, changed)
  if (learned.latency !== null) {
    if (state.latency !== null) closeLatencyBlocks(state.latency, now, learned.latency)
    if (doubt?.latency != null) closeLatencyBlocks(doubt.latency, now, learned.latency)
  }
  if (fadeSuspects(state.suspects, now)) forgetGone(state, input)
  closeBusinessBlock(state.business, now)
  closeWebVitalsBlock(state.webVitals, now)
  const { requestsOld, badOld } = recent(state.seconds, now, 30)
  state.oldRecent = { requests: requestsOld, bad: badOld }
}
