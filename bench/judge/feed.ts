import type { FleetInput } from '../../src/judge/index.ts'
import type { Sample } from '../../src/model/sample.ts'
import type { Scenario } from './scenario.ts'
import type { WorldSecond } from './world.ts'

/** How the figures of a world get to the judge: at once, or in blocks and some time after their end. */
export interface Feed {
  /** What is known of the past when the rollout begins. */
  readonly history: readonly Sample[]
  /** Takes in what happened in a second of the rollout; answers with what becomes known in it. */
  pass(second: number, happened: Pick<WorldSecond, 'old' | 'new'>): { old: FleetInput; new: FleetInput }
}

interface News {
  /** Second of the rollout in which they become known. */
  readonly due: number
  readonly samples: readonly Sample[]
}

/** Every tenth second a block may begin, so that no part of the past, which is told by tens, lies in two. */
const PHASE_SECONDS = 10

/** `epoch`: Unix second of the rollout's second 0. `run` moves the blocks, so that rollouts begin anywhere in one. */
export function createFeed(scenario: Scenario, past: readonly Sample[], epoch: number, run: number): Feed {
  const { sampleSeconds = 1, sampleLagSeconds = 0, perInstance = true } = scenario
  if (sampleSeconds === 1 && sampleLagSeconds === 0 && perInstance) {
    return { history: past, pass: (_, happened) => happened }
  }
  const phase = (run * PHASE_SECONDS) % sampleSeconds
  const blocks = new Map<string, Block>()
  const add = (sample: Sample) => {
    const seconds = Math.max(sampleSeconds, sample.seconds)
    const from = Math.floor((sample.from - epoch + phase) / seconds) * seconds - phase + epoch
    const key = `${sample.release} ${from} ${seconds}`
    let block = blocks.get(key)
    if (block === undefined) blocks.set(key, (block = new Block(from, seconds, perInstance)))
    block.add(sample)
  }
  const takeUntil = (second: number): News[] => {
    const ended = [...blocks].filter(([, { from, seconds }]) => from + seconds <= epoch + second + 1)
    for (const [key] of ended) blocks.delete(key)
    return ended.map(([, block]) => ({
      due: block.from + block.seconds - 1 + sampleLagSeconds - epoch,
      samples: block.samples(),
    }))
  }
  for (const sample of past) add(sample)
  const before = takeUntil(-1)
  const waiting = before.filter(({ due }) => due >= 0)
  return {
    history: before.filter(({ due }) => due < 0).flatMap(({ samples }) => samples),
    pass: (second, happened) => {
      for (const { samples } of [happened.old, happened.new]) for (const sample of samples) add(sample)
      waiting.push(...takeUntil(second))
      const known: Sample[] = []
      while (waiting[0] !== undefined && waiting[0].due <= second) known.push(...(waiting.shift()?.samples ?? []))
      const of = (release: 'old' | 'new'): FleetInput => ({
        ...happened[release],
        samples: known.filter((sample) => sample.release === release),
      })
      return { old: of('old'), new: of('new') }
    },
  }
}

/** Sums per instance, or of the whole fleet, over the seconds of a block. A router that reports late knows no weights. */
class Block {
  readonly from: number
  readonly seconds: number
  readonly #perInstance: boolean
  readonly #sums = new Map<string, { first: Sample; requests: number; bad: number; latency: Record<number, number> }>()

  constructor(from: number, seconds: number, perInstance: boolean) {
    this.from = from
    this.seconds = seconds
    this.#perInstance = perInstance
  }

  add(sample: Sample): void {
    const key = this.#perInstance ? (sample.instance ?? '') : ''
    let sum = this.#sums.get(key)
    if (sum === undefined) this.#sums.set(key, (sum = { first: sample, requests: 0, bad: 0, latency: {} }))
    sum.requests += sample.requests
    sum.bad += sample.bad
    for (const [bucket, count] of Object.entries(sample.latency ?? {})) {
      sum.latency[Number(bucket)] = (sum.latency[Number(bucket)] ?? 0) + count
    }
  }

  samples(): Sample[] {
    return [...this.#sums.values()].map(({ first, requests, bad, latency }) => {
      const { instance, weight: _, latency: __, ...rest } = first
      return {
        ...rest,
        ...(this.#perInstance && instance !== undefined ? { instance } : {}),
        ...(Object.keys(latency).length > 0 ? { latency } : {}),
        from: this.from,
        seconds: this.seconds,
        requests,
        bad,
      }
    })
  }
}
