import { addConversions, closeBusinessBlock } from './business-test.ts'
import { addFastBlock, chooseBets, restartWhenDue } from './fast-test.ts'
import type { FleetInput, JudgeInput } from './judge.ts'
import { addLatency, closeLatencyBlocks, toleratedShift } from './latency-test.ts'
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
import { forgetGone, serving } from './served.ts'
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
  badOld: number
  badNew: number
}

/** Books everything that became known and brings each test up to date. */
export function ingest(state: JudgeState, input: JudgeInput): void {
  const now = Math.floor(input.second)
  restartWhenDue(state.fast, now)
  const groups: Group[] = []
  const gamble = bettingRules(state)
  const late = { cells: false }
  const shift = latencyShift(state, input)
  takeFleet('old', input.old)
  takeFleet('new', input.new)
  for (const group of groups) bookGroup(state, input, group, now)
  takeOther(state, input, now)
  closeAll(state, input, now, late.cells)

  function takeFleet(release: 'old' | 'new', fleet: FleetInput): void {
    for (const sample of fleet.samples) {
      const second = Math.floor(sample.from)
      const known = slotOf(state.seconds, second)
      const weight = sample.weight ?? (known >= 0 ? (state.seconds.weight[known] ?? 0) : input.weight)
      // What arrived before the judgement belongs to the history, or to an earlier deployment.
      if (second < (state.startedAt ?? now)) continue
      const group = groupOf(groups, second, weight, () => gamble(second, weight))
      const seen = sample.distinctBad ?? sample.bad
      const totals = state.totals[release]
      totals.requests += sample.requests
      if (sample.requests > 0 && sample.instance !== undefined) state.served[sample.instance] = 1
      totals.bad += sample.bad
      totals.distinct += seen
      // Its failures are its own; its requests still are the release's.
      const bad = release === 'new' && isEjected(state.suspects, sample.instance, second) ? 0 : seen
      if (release === 'new') {
        group.requestsNew += sample.requests
        group.badNew += bad
      } else {
        group.requestsOld += sample.requests
        group.badOld += bad
      }
      if (bad > 0) {
        const instance = sample.instance ?? '*'
        if (release === 'new' && second >= state.exposure.from) {
          addSuspect(state.suspects, instance, bad)
        }
        if (weight > 0 && addBad(state.robust, second, release, instance, bad)) late.cells = true
      }
      const { doubt } = state
      if (doubt?.robust != null && weight > 0 && second >= doubt.robust.from) {
        const counts = doubt.route === undefined ? { requests: sample.requests, bad } : sample.routes?.[doubt.route]
        if (counts !== undefined) {
          if (counts.bad > 0 && addBad(doubt.robust, second, release, sample.instance ?? '*', counts.bad)) {
            late.cells = true
          }
          bookRequests(doubt.robust, second, release, counts.requests)
          if (release === 'new') {
            doubt.requests += counts.requests
            doubt.bad += counts.bad
          }
        }
      }
      if (sample.latency !== undefined && state.learned.latency !== null) {
        if (state.latency !== null) {
          addLatency(state.latency, second, release, sample.latency, state.learned.latency, shift)
        }
        if (doubt?.latency != null) {
          addLatency(doubt.latency, second, release, sample.latency, state.learned.latency, shift)
        }
      }
      if (sample.routes !== undefined) addRoutes(state.routes, release, sample.routes, weight)
    }
  }
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

function groupOf(groups: Group[], second: number, weight: number, mask: () => number): Group {
  for (let i = groups.length - 1; i >= 0; i--) {
    const group = groups[i]
    if (group !== undefined && group.second === second && group.weight === weight) return group
  }
  const group = { second, weight, mask: mask(), requestsOld: 0, requestsNew: 0, badOld: 0, badNew: 0 }
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
  if (group.second >= state.exposure.from) {
    state.exposure.requests += requestsNew
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
