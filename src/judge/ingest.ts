import type { Sample } from '../model/sample.ts'
import { answersOf } from './answers.ts'
import { addConversions, closeBusinessBlock } from './business-test.ts'
import { addFastBlock, chooseBets, restartWhenDue } from './fast-test.ts'
import { lateSeconds } from './feed.ts'
import type { JudgeInput } from './judge.ts'
import { addLatency, addPending, closeLatencyBlocks, toleratedShift } from './latency-test.ts'
import { addLevelBlock } from './level-test.ts'
import { exceeds } from './old-rate.ts'
import { thresholdsOf } from './policy.ts'
import { addProbe } from './probe-watch.ts'
import { addToRatio } from './ratio-sequence.ts'
import { addBad, bookRequests, closeCells } from './robust-test.ts'
import { addRoutes } from './route-watch.ts'
import { addRequests } from './routing-guard.ts'
import { bookShared } from './second-look.ts'
import { addCounts, isChosen, openSlot, recent, slotOf } from './seconds.ts'
import { forgetGone, isCold, serving } from './served.ts'
import type { JudgeState } from './state.ts'
import { addSuspect, fadeSuspects, isEjected } from './suspects.ts'
import { isChanging, weightOver } from './told-weights.ts'
import { addWebVital, closeWebVitalsBlock } from './web-vitals-test.ts'

/** Events of one arrival second, or block of seconds, and weight that became known in this step. */
interface Group {
  readonly from: number
  readonly seconds: number
  readonly weight: number
  /** Kind of bet per gambler, chosen before anything of that time was seen. */
  readonly mask: number
  /** The router itself told the weight. */
  isWeighed: boolean
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
  readonly from: number
  readonly seconds: number
  /** Mean weight in force during these seconds. */
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
  const now = Math.floor(state.now)
  restartWhenDue(state.fast, now)
  const groups: Group[] = []
  const gamble = bettingRules(state)
  const shift = latencyShift(state, input)
  let reopened = false
  for (const release of ['old', 'new'] as const) {
    for (const sample of input[release].samples) {
      // What arrived before the judgement belongs to the history, or to an earlier deployment.
      if (Math.floor(sample.from) < (state.startedAt ?? 0)) {
        bookPast(state, sample, release)
        continue
      }
      const increment = incrementOf(state, sample, release)
      group(increment, groupOf(groups, increment, gamble))
      bookTotals(state, increment)
      if (bookFailures(state, increment)) reopened = true
      if (bookSecondLook(state, increment)) reopened = true
      bookLatency(state, increment, shift)
      if (sample.routes !== undefined) addRoutes(state.routes, release, sample.routes, increment.weight)
    }
  }
  for (const one of groups) bookGroup(state, input, one, now)
  takeOther(state, input)
  closeAll(state, input, now, reopened)
}

/** Late news of the past, and of the block in which the judgement began, tell how much traffic there is; they are no evidence. */
function bookPast(state: JudgeState, { from, seconds, requests, bad }: Sample, release: 'old' | 'new'): void {
  if (lateSeconds(state.feed) === 0) return
  const counts = { requestsOld: 0, badOld: 0, requestsNew: 0 }
  if (release === 'old') Object.assign(counts, { requestsOld: requests, badOld: bad })
  else counts.requestsNew = requests
  addCounts(state.seconds, from, seconds, counts)
  state.countedFrom = Math.min(state.countedFrom, from)
}

function incrementOf(state: JudgeState, sample: Sample, release: 'old' | 'new'): Increment {
  const from = Math.floor(sample.from)
  const seconds = Math.max(1, Math.round(sample.seconds))
  const isExcused = release === 'new' && isEjected(state.suspects, sample.instance, from)
  const ended = answersOf(sample)
  if (ended > 0) state.answersKnown = true
  return {
    sample,
    release,
    from,
    seconds,
    weight: sample.weight ?? weightOver(state.told, from, seconds),
    bad: isExcused ? 0 : (sample.distinctBad ?? sample.bad),
    ended,
    answered: state.answersKnown ? ended : sample.requests,
  }
}

function group({ sample, release, bad, answered }: Increment, into: Group): void {
  into.isWeighed ||= sample.weight !== undefined
  if (release === 'new') {
    into.requestsNew += sample.requests
    into.answeredNew += answered
    into.badNew += bad
  } else {
    into.requestsOld += sample.requests
    into.badOld += bad
  }
}

function bookTotals(state: JudgeState, { sample, release, from }: Increment): void {
  const totals = state.totals[release]
  totals.requests += sample.requests
  totals.bad += sample.bad
  totals.distinct += sample.distinctBad ?? sample.bad
  if (sample.requests > 0 && sample.instance !== undefined) state.served[sample.instance] ??= from
}

/** True when a cell that was closed has changed. */
function bookFailures(state: JudgeState, increment: Increment): boolean {
  const { sample, release, from, weight, bad } = increment
  const instance = sample.instance ?? '*'
  if (release === 'new' && from >= state.exposure.from) addSuspect(state.suspects, instance, bad, sample.requests)
  if (bad === 0) return false
  return weight > 0 && addBad(state.robust, increment, instance, bad)
}

/** What the second look counts: arrivals since it began, of its route if it has one. True when a closed cell has changed. */
function bookSecondLook(state: JudgeState, increment: Increment): boolean {
  const { doubt } = state
  const { sample, release, from, weight, bad, answered } = increment
  if (doubt?.robust == null || weight <= 0 || from < doubt.robust.from) return false
  const ofRoute = doubt.route === undefined ? undefined : sample.routes?.[doubt.route]
  if (doubt.route !== undefined && ofRoute === undefined) return false
  const failed = ofRoute?.bad ?? bad
  const requests = ofRoute?.requests ?? sample.requests
  const reopened = failed > 0 && addBad(doubt.robust, increment, sample.instance ?? '*', failed)
  bookRequests(doubt.robust, increment, requests)
  if (release === 'new') {
    doubt.requests += ofRoute?.requests ?? answered
    doubt.bad += failed
  }
  return reopened
}

function bookLatency(state: JudgeState, increment: Increment, shift: number): void {
  const { sample, from, ended } = increment
  const baseline = state.learned.latency
  if (baseline === null || state.latency === null) return
  if (isCold(state, sample.instance, from)) return
  const { latency } = sample
  if (latency !== undefined) {
    addLatency(state.latency, increment, latency, baseline, shift)
    const again = state.doubt?.latency
    if (again != null) addLatency(again, increment, latency, baseline, shift)
  }
  if (state.answersKnown) addPending(state.latency, increment, sample.requests - ended, shift)
}

type Block = Pick<Group, 'from' | 'seconds' | 'weight'>

/** Which kind of bet for a second and weight; known seconds keep what was chosen for them. */
function bettingRules(state: JudgeState): (block: Block) => number {
  const { learned, seconds, oldRecent } = state
  const isSound = !exceeds(oldRecent.bad, oldRecent.requests, learned.old.ceiling)
  return ({ from, seconds: length, weight }) => {
    const middle = from + ((length - 1) >> 1)
    const known = slotOf(seconds, middle)
    const isKnown = isChosen(seconds, known)
    if (isKnown && seconds.weight[known] === weight) return seconds.mask[known] ?? 0
    const mask = chooseBets(weight, learned.old.rate, learned.bets, isSound)
    if (!isKnown) openSlot(seconds, middle, weight, mask)
    // Two weights within one second: the second one makes label bets only, which is always allowed.
    return isKnown ? 0 : mask
  }
}

function groupOf(groups: Group[], block: Block, gamble: (block: Block) => number): Group {
  const { from, seconds, weight } = block
  for (let i = groups.length - 1; i >= 0; i--) {
    const group = groups[i]
    if (group?.from === from && group.seconds === seconds && group.weight === weight) return group
  }
  const mask = gamble(block)
  const group = {
    from,
    seconds,
    weight,
    mask,
    isWeighed: false,
    requestsOld: 0,
    requestsNew: 0,
    answeredNew: 0,
    badOld: 0,
    badNew: 0,
  }
  groups.push(group)
  return group
}

function bookGroup(state: JudgeState, input: JudgeInput, group: Group, now: number): void {
  const { policy, learned } = state
  addCounts(state.seconds, group.from, group.seconds, group)
  const weight = state.routing.mismatch ? observedShare(state, group) : group.weight
  const { badNew, requestsNew } = group
  const badAll = badNew + group.badOld
  const tolerated = policy.metrics.errorTolerance ?? 1
  if (policy.metrics.errors) {
    addFastBlock(state.fast, { badNew, badAll, requestsNew, weight }, group.mask, learned.bets, tolerated)
  }
  addToRatio(state.ratio, badNew, badAll, weight)
  const { assignment, reactionSeconds } = input.capabilities
  const perRequest = assignment === 'request'
  const isStated = group.isWeighed || !isChanging(state.told, group.from, group.seconds, reactionSeconds)
  if (isStated) addRequests(state.routing, requestsNew, requestsNew + group.requestsOld, group.weight, perRequest)
  if (weight > 0) {
    bookRequests(state.robust, { ...group, release: 'old' }, group.requestsOld)
    bookRequests(state.robust, { ...group, release: 'new' }, requestsNew)
  }
  state.missed = requestsNew > 0 ? 0 : state.missed + group.weight * group.requestsOld
  if (group.from >= state.exposure.from) {
    state.exposure.requests += group.answeredNew
    state.exposure.bad += badNew
  }
  const oldIsAbove = exceeds(state.oldRecent.bad, state.oldRecent.requests, policy.absoluteLimit)
  if (policy.metrics.errors && !oldIsAbove && policy.absoluteLimit < 0.95) {
    addLevelBlock(state.absolute.alarm, now, requestsNew, badNew)
    addLevelBlock(state.absolute.alone, now, requestsNew, badNew)
    if (state.doubt?.level != null && group.from >= (state.doubt.since ?? 0)) {
      addLevelBlock(state.doubt.level, now, requestsNew, badNew)
    }
  }
  bookShared(state, group.from, badNew, badAll, weight)
}

function observedShare(state: JudgeState, { from, seconds, weight: stated }: Block): number {
  const slot = slotOf(state.seconds, from + ((seconds - 1) >> 1))
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

/** Conversions, web vitals and probes: news of other ways, which do not wait for the router's. */
function takeOther(state: JudgeState, input: JudgeInput): void {
  const wall = Math.floor(state.wall)
  for (const { from, release, weight, count } of input.conversions ?? []) {
    const atVisit = weight ?? weightOver(state.told, Math.floor(from))
    addConversions(state.business, release === 'new' ? count : 0, release === 'old' ? count : 0, atVisit)
  }
  for (const count of input.webVitals ?? []) addWebVital(state.webVitals, count)
  const cap = Math.log(1 / thresholdsOf(state.policy).rollBack) / 3
  for (const probe of input.probes) {
    addProbe(state.probes, probe, cap)
    if (probe.release === 'new' && wall >= state.exposure.from) {
      state.exposure.requests += 0.5
      state.exposure.bad += probe.ok ? 0 : 0.5
    }
  }
  closeBusinessBlock(state.business, wall)
  closeWebVitalsBlock(state.webVitals, wall)
}

function closeAll(state: JudgeState, input: JudgeInput, now: number, changed: boolean): void {
  // Without counts per instance the fleet is one.
  const liveOld = input.capabilities.perInstance ? serving(state, input.old.instances).length : 1
  closeCells(state.robust, now, liveOld, changed)
  const { doubt, learned } = state
  if (doubt?.robust != null) closeCells(doubt.robust, now, liveOld, changed)
  if (learned.latency !== null) {
    if (state.latency !== null) closeLatencyBlocks(state.latency, now, learned.latency)
    if (doubt?.latency != null) closeLatencyBlocks(doubt.latency, now, learned.latency)
  }
  if (fadeSuspects(state.suspects, now)) forgetGone(state, input)
  const { requestsOld, badOld } = recent(state.seconds, now, 30)
  state.oldRecent = { requests: requestsOld, bad: badOld }
}
