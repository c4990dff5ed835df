import { SluiceError } from '../../../model/error.ts'
import type { Sample } from '../../../model/sample.ts'
import { shareOf, type TrafficSplit } from '../../../model/traffic-split.ts'
import type { Clock } from '../../../support/clock.ts'
import { type Habits, type HabitsName, habits, type Range } from './habits.ts'
import { type Order, orderOf, ROUTERS, releaseFor } from './routers.ts'
import { answers, type Fault, isKnownTo, isLeaving, isThere, type SeenTask, seenTask, type Task } from './tasks.ts'
import { Counters, type Tally } from './visitors.ts'

/** Which environment, and how the place behaves for it. */
export interface At {
  readonly environment: string
  readonly habits: HabitsName
}

export interface Mutation extends At {
  readonly fence: number
}

export interface TaskOrder {
  readonly release: string
  readonly service: string
  readonly index: number
  /** A task with one of these names does not do. */
  readonly not: readonly string[]
  readonly isRouted: boolean
  readonly fault: Fault | null
  readonly exitCode: number
}

export interface Described {
  readonly fence: number
  readonly tasks: readonly SeenTask[]
}

export interface DataPlaneAnswer {
  readonly status: number | null
  readonly release: string | null
  readonly instance: string | null
}

interface Stack {
  readonly habits: Habits
  fences: { readonly fence: number; readonly atMs: number }[]
  readonly tasks: Task[]
  readonly orders: Order[]
  readonly counters: Counters
  visited: { perSecond: number; untilSecond: number; failing: Record<string, number> }
}

/**
 * A place in another's data centre: it takes orders at once, does them when it comes to it, and tells what was true a while
 * ago. What is there at any time follows from the orders and their times. All calls are plain data, as over a wire.
 */
export class Cloud {
  readonly #clock: Clock
  readonly #stacks = new Map<string, Stack>()
  #seed: number

  constructor(clock: Clock, seed = 7) {
    this.#clock = clock
    this.#seed = (seed * 2654435761) >>> 0 || 1
  }

  now(): number {
    return this.#clock.now().getTime()
  }

  /** Refused under an older fence than any that was seen. */
  claim({ fence, ...at }: Mutation): void {
    const { fences } = this.#stack(at)
    const newest = fences.at(-1)?.fence ?? 0
    if (fence < newest) {
      throw new SluiceError(
        'FENCED',
        `${at.environment} was taken over under fence ${newest}; fence ${fence} is late`,
        {
          hint: 'a newer deployment has taken over',
        },
      )
    }
    if (fence > newest) fences.push({ fence, atMs: this.now() })
  }

  /** As it was a while ago. */
  describe(at: At): Described {
    const { tasks, fences, habits: own } = this.#stack(at)
    const atMs = this.now() - this.#random() * own.staleMs
    return {
      fence: fences.findLast((each) => each.atMs <= atMs)?.fence ?? 0,
      tasks: tasks.filter((task) => isThere(task, atMs)).map((task) => seenTask(task, atMs)),
    }
  }

  /** Sees to it that such a task is there; twice is once. Answers with its name. */
  run({ task, ...at }: Mutation & { readonly task: TaskOrder }): string {
    this.claim(at)
    const stack = this.#stack(at)
    const { release, service, index, not } = task
    const isSame = (each: Task) => each.release === release && each.service === service && each.index === index
    const there = stack.tasks.find((each) => isSame(each) && !not.includes(each.id) && !isLeaving(each, this.now()))
    if (there !== undefined) return there.id
    const id = `${release}-${service}-${index}-${stack.tasks.filter(isSame).length}`
    this.#start(stack, { ...task, id })
    return id
  }

  /** Routers are told to send no more requests there, and hear of it when they do. */
  deregister({ ids, ...at }: Mutation & { readonly ids: readonly string[] }): void {
    this.claim(at)
    const stack = this.#stack(at)
    for (const task of stack.tasks) if (ids.includes(task.id)) this.#leave(stack, task, this.now())
  }

  /** Ends tasks at once, whatever they are doing. Answers with the requests that were cut. */
  stop({ ids, ...at }: Mutation & { readonly ids: readonly string[] }): number {
    this.claim(at)
    const stack = this.#stack(at)
    const ended = stack.tasks.filter((task) => ids.includes(task.id) && isThere(task, this.now()))
    const cut = ended.flatMap(({ open }) => open).filter((untilMs) => untilMs > this.now()).length
    for (const task of ended) this.#end(stack, task, this.now())
    return cut
  }

  /** Orders a split; the same one again is the same order. Answers with its number. */
  order({ split, ...at }: Mutation & { readonly split: TrafficSplit }): number {
    this.claim(at)
    const stack = this.#stack(at)
    assertPossible(stack.habits, split)
    const last = stack.orders.at(-1)
    if (last !== undefined && JSON.stringify(last.split) === JSON.stringify(split)) return last.number
    const number = (last?.number ?? 0) + 1
    const order = { number, split, heardAtMs: this.#lessons(stack.habits, this.now()) }
    stack.orders.push(order)
    if (stack.habits.ownsShift) this.#retireOthers(stack, order)
    return number
  }

  /** What a router itself goes by: a rule answers, not the record of the order. */
  askRouter({ router, ...at }: At & { readonly router: number }): Pick<Order, 'number' | 'split'> | null {
    const order = orderOf(this.#stack(at).orders, router, this.now())
    return order === null ? null : { number: order.number, split: order.split }
  }

  /** One request of a new visitor that takes so long. Answered when it begins; `stillAnswers` tells of its end. */
  request({ takesMs, ...at }: At & { readonly takesMs: number }): DataPlaneAnswer {
    const stack = this.#stack(at)
    const answer = this.#serve(stack, { atMs: this.now(), isNew: true })
    const task = stack.tasks.find(({ id }) => id === answer.instance)
    if (takesMs > 0) task?.open.push(this.now() + takesMs)
    return answer
  }

  /** Of these tasks, requests that are not answered yet. */
  openRequests({ ids, ...at }: At & { readonly ids: readonly string[] }): number {
    const open = this.#stack(at).tasks.flatMap((task) => (ids.includes(task.id) ? task.open : []))
    return open.filter((untilMs) => untilMs > this.now()).length
  }

  isThere({ instance, ...at }: At & { readonly instance: string }): boolean {
    return this.#stack(at).tasks.some((task) => task.id === instance && isThere(task, this.now()))
  }

  /** A task itself, whether it has traffic or not. */
  preview({ release, service, instance, ...at }: At & Preview): DataPlaneAnswer {
    const isAsked = (task: Task) =>
      task.release === release && task.service === service && (instance === null || task.id === instance)
    const task = this.#stack(at).tasks.find((each) => isAsked(each) && answers(each, this.now()))
    return task === undefined
      ? { status: null, release: null, instance: null }
      : { status: 200, release, instance: task.id }
  }

  /** Increments that are known by now, from the position on. */
  samples({ after, ...at }: At & { readonly after: number }): {
    readonly samples: readonly Sample[]
    readonly next: number
  } {
    const { counters, habits: own } = this.#stack(at)
    const known = counters.knownAt(this.now(), own.samples.lagSeconds)
    return { samples: known.slice(after), next: known.length }
  }

  /** What the routers' figures say, as late as all of them. */
  usage(at: At): Readonly<Record<string, { readonly inFlight: number; readonly lastRequestMs: number | null }>> {
    const { counters, tasks, habits: own } = this.#stack(at)
    const knownMs = this.now() - own.samples.lagSeconds * 1000
    return Object.fromEntries(
      [...new Set(tasks.map(({ release }) => release))].map((release) => {
        const open = tasks.filter((task) => task.release === release).flatMap((task) => task.open)
        const last = counters.lastRequestMs.get(release) ?? null
        const inFlight = open.filter((untilMs) => untilMs > this.now()).length
        return [release, { inFlight, lastRequestMs: last === null ? null : Math.min(last, knownMs) }]
      }),
    )
  }

  logs({ ids, ...at }: At & { readonly ids: readonly string[] | null }) {
    return this.#stack(at)
      .tasks.filter(({ id }) => ids === null || ids.includes(id))
      .map(({ id, release, service, log }) => {
        const lines = log.filter(({ atMs }) => atMs <= this.now()).map(({ line }) => line)
        return { instance: id, release, service, lines }
      })
  }

  /** For tests: users of an environment from now on, and what share of a release's requests fails. */
  visit({
    perSecond,
    failing = {},
    ...at
  }: At & { readonly perSecond: number; readonly failing?: Record<string, number> }): void {
    const { visited } = this.#stack(at)
    visited.perSecond = perSecond
    visited.failing = { ...visited.failing, ...failing }
  }

  /** For tests: what users met so far. */
  tally(at: At): Tally {
    return this.#stack(at).counters.tally
  }

  /** For tests: a program that ends by itself. The place starts another in its stead. */
  kill({ instance, ...at }: At & { readonly instance: string }): void {
    const stack = this.#stack(at)
    const task = stack.tasks.find(({ id }) => id === instance)
    if (task === undefined) return
    this.#end(stack, task, this.now())
    const isSame = (each: Task) =>
      each.release === task.release && each.service === task.service && each.index === task.index
    const id = `${task.release}-${task.service}-${task.index}-${stack.tasks.filter(isSame).length}`
    this.#start(stack, { ...task, id })
  }

  say({ instance, line, ...at }: At & { readonly instance: string; readonly line: string }): void {
    this.#stack(at)
      .tasks.find(({ id }) => id === instance)
      ?.log.push({ atMs: this.now(), line })
  }

  /** The environment's own, with everything that happened to users until now. */
  #stack({ environment, habits: name }: At): Stack {
    let stack = this.#stacks.get(environment)
    if (stack === undefined) {
      const own = habits[name]
      const visited = { perSecond: 0, untilSecond: Math.floor(this.now() / 1000), failing: {} }
      stack = { habits: own, fences: [], tasks: [], orders: [], counters: new Counters(own.samples), visited }
      this.#stacks.set(environment, stack)
    }
    this.#letVisit(stack)
    return stack
  }

  #letVisit(stack: Stack): void {
    const { visited } = stack
    const second = Math.floor(this.now() / 1000)
    for (; visited.untilSecond < second; visited.untilSecond++) {
      for (let request = 0; request < visited.perSecond; request++) {
        this.#serve(stack, { atMs: (visited.untilSecond + request / visited.perSecond) * 1000, isNew: false })
      }
    }
  }

  /** A new visitor comes by a connection of his own; others may come by one that was open before. */
  #serve(stack: Stack, { atMs, isNew }: { readonly atMs: number; readonly isNew: boolean }): DataPlaneAnswer {
    const { counters, orders, tasks, visited } = stack
    const router = this.#random() < 0.5 ? 0 : 1
    const release = releaseFor(orders, { router, atMs, tailMs: isNew ? 0 : stack.habits.tailMs }, () => this.#random())
    if (release === null) return { status: null, release: null, instance: null }
    const known = tasks.filter((task) => task.release === release && task.isRouted && isKnownTo(task, router, atMs))
    const task = known[Math.floor(this.#random() * known.length)]
    if (task === undefined || !answers(task, atMs)) {
      const words = task === undefined ? 'no task' : `${task.id} does not answer`
      counters.lose(`${new Date(atMs).toISOString()} router ${router}, ${release}: ${words}`)
      return { status: 503, release: null, instance: null }
    }
    const bad = this.#random() < (visited.failing[release] ?? 0)
    counters.add({ atMs, release, task, bad })
    return { status: bad ? 500 : 200, release, instance: task.id }
  }

  #start(stack: Stack, order: Omit<TaskOrder, 'not'> & { readonly id: string }): void {
    const { id, release, service, index, isRouted, fault, exitCode } = order
    const startedAtMs = this.now()
    const runsAtMs = startedAtMs + this.#within(stack.habits.startMs)
    const never = Array.from({ length: ROUTERS }, () => Infinity)
    stack.tasks.push({
      id,
      release,
      service,
      index,
      isRouted,
      fault,
      exitCode,
      startedAtMs,
      runsAtMs,
      knownAtMs: isRouted && fault === null ? this.#lessons(stack.habits, runsAtMs) : never,
      forgottenAtMs: never,
      leavesAtMs: Infinity,
      stoppedAtMs: Infinity,
      open: [],
      log: [
        { atMs: runsAtMs, line: `${id} started, pid 1` },
        ...(fault === null ? [{ atMs: runsAtMs, line: 'listening on 8080' }] : []),
      ],
    })
  }

  #leave(stack: Stack, task: Task, atMs: number): void {
    if (task.leavesAtMs <= atMs) return
    task.leavesAtMs = atMs
    task.forgottenAtMs = this.#lessons(stack.habits, atMs)
  }

  #end(stack: Stack, task: Task, atMs: number): void {
    this.#leave(stack, task, atMs)
    task.stoppedAtMs = Math.min(task.stoppedAtMs, atMs)
  }

  /** The place's own way: when every router leads elsewhere and the stragglers are gone, what is left over goes. */
  #retireOthers(stack: Stack, { split, heardAtMs }: Order): void {
    const quietMs = Math.max(...heardAtMs) + stack.habits.tailMs
    const [, slowestLesson] = stack.habits.learnsMs
    for (const task of stack.tasks.filter((each) => !isLeaving(each, this.now()))) {
      const isLeft = shareOf(task.release, split) === 0
      task.leavesAtMs = isLeft ? quietMs : Infinity
      task.forgottenAtMs = isLeft ? this.#lessons(stack.habits, quietMs) : task.forgottenAtMs.map(() => Infinity)
      task.stoppedAtMs = isLeft ? quietMs + slowestLesson : Infinity
    }
  }

  #lessons({ learnsMs }: Habits, fromMs: number): readonly number[] {
    return Array.from({ length: ROUTERS }, () => fromMs + this.#within(learnsMs))
  }

  #within([from, to]: Range): number {
    return from + this.#random() * (to - from)
  }

  /** The same numbers in every run. */
  #random(): number {
    let state = this.#seed
    state = (state ^ (state << 13)) >>> 0
    state = (state ^ (state >>> 17)) >>> 0
    state = (state ^ (state << 5)) >>> 0
    this.#seed = state
    return state / 4294967296
  }
}

export interface Preview {
  readonly release: string
  readonly service: string
  /** Null: any. */
  readonly instance: string | null
}

/** Steps of the places that have no finer ones. */
const STEP = 0.05

function assertPossible({ weights }: Habits, { candidate, weight }: TrafficSplit): void {
  if (candidate === null || weights === 'any') return
  const step = weights === 'none' ? 1 : STEP
  const isPossible = Math.abs(weight / step - Math.round(weight / step)) < 1e-9
  if (isPossible) return
  throw new SluiceError('EDGE_REFUSED_TABLE', `a weight of ${weight} cannot be set here`, {
    hint: `the place takes steps of ${step}`,
  })
}
