import type { FleetInput } from '../../src/judge/index.ts'
import type { Sample } from '../../src/model/sample.ts'
import type { Scenario } from './scenario.ts'
import type { WorldSecond } from './world.ts'

/** How the figures of a world get to the judge: at once, or in blocks and some time after their end. */
export interface Feed {
  /** Takes in what happened in a second; answers with what becomes known in it. */
  pass(second: number, happened: Pick<WorldSecond, 'old' | 'new'>): { old: FleetInput; new: FleetInput }
  /** What is known of the past when the rollout begins. */
  history(samples: readonly Sample[]): readonly Sample[]
}

interface Known {
  readonly second: number
  readonly old: readonly Sample[]
  readonly new: readonly Sample[]
}

/** `run` moves the blocks, so that rollouts begin anywhere in one. `epoch`: Unix second of the rollout's second 0. */
export function createFeed(scenario: Scenario, epoch: number, run: number): Feed {
  const { sampleSeconds = 1, sampleLagSeconds = 0, perInstance = true } = scenario
  if (sampleSeconds === 1 && sampleLagSeconds === 0 && perInstance) {
    return { pass: (_, happened) => happened, history: (samples) => samples }
  }
  const phase = (run * 17) % sampleSeconds
  const waiting: Known[] = []
  let old = new Block(perInstance)
  let fresh = new Block(perInstance)
  const blockOf = (second: number) =>
    Math.floor((second - epoch + phase) / sampleSeconds) * sampleSeconds - phase + epoch
  return {
    pass: (second, happened) => {
      const from = blockOf(epoch + second)
      for (const sample of happened.old.samples) old.add(sample)
      for (const sample of happened.new.samples) fresh.add(sample)
      if (blockOf(epoch + second + 1) !== from) {
        const samples = { old: old.samples(from, sampleSeconds), new: fresh.samples(from, sampleSeconds) }
        waiting.push({ second: second + sampleLagSeconds, ...samples })
        old = new Block(perInstance)
        fresh = new Block(perInstance)
      }
      const due = waiting[0] !== undefined && waiting[0].second <= second ? waiting.shift() : undefined
      return {
        old: { ...happened.old, samples: due?.old ?? [] },
        new: { ...happened.new, samples: due?.new ?? [] },
      }
    },
    history: (samples) => {
      const blocks = new Map<number, Block>()
      const width = Math.max(sampleSeconds, ...samples.map(({ seconds }) => seconds))
      for (const sample of samples) {
        const from = Math.floor((sample.from - epoch) / width) * width + epoch
        if (from + width > epoch - sampleLagSeconds) continue
        let block = blocks.get(from)
        if (block === undefined) blocks.set(from, (block = new Block(perInstance)))
        block.add(sample)
      }
      return [...blocks].flatMap(([from, block]) => block.samples(from, width))
    },
  }
}

/** Sums per instance, or of the whole fleet, over the seconds of a block. A router that reports late knows no weights. */
class Block {
  readonly #perInstance: boolean
  readonly #sums = new Map<string, { first: Sample; requests: number; bad: number; latency: Record<number, number> }>()

  constructor(perInstance: boolean) {
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

  samples(from: number, seconds: number): Sample[] {
    return [...this.#sums.values()].map(({ first, requests, bad, latency }) => {
      const { instance, weight: _, latency: __, ...rest } = first
      return {
        ...rest,
        ...(this.#perInstance && instance !== undefined ? { instance } : {}),
        ...(Object.keys(latency).length > 0 ? { latency } : {}),
        from,
        seconds,
        requests,
        bad,
      }
    })
  }
}
