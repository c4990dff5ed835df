import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { JudgeName } from './judges/registry.ts'
import type { Scenario } from './scenario.ts'
import type { RunResult } from './simulate.ts'
import { type Summary, summarise } from './summary.ts'

export interface Job {
  readonly judge: JudgeName
  readonly scenario: Scenario
  readonly runs: number
  readonly seed: number
}

export interface Chunk extends Job {
  readonly from: number
}

/** Runs simulations on all cores; a result depends on scenario, seed and run only, never on who computed it. */
export interface Pool {
  run(job: Job): Promise<Summary>
  /** The runs themselves, in order. */
  results(job: Job): Promise<readonly RunResult[]>
  close(): Promise<void>
}

const MOST_WORKERS = 2
const CHUNK = 25

export function createPool(size = Math.min(MOST_WORKERS, availableParallelism())): Pool {
  const idle: Worker[] = []
  const all: Worker[] = []
  const waiting: ((worker: Worker) => void)[] = []
  for (let i = 0; i < size; i++) {
    const worker = new Worker(new URL('./worker.ts', import.meta.url))
    all.push(worker)
    idle.push(worker)
  }
  const acquire = () =>
    new Promise<Worker>((resolve) => {
      const worker = idle.pop()
      if (worker === undefined) waiting.push(resolve)
      else resolve(worker)
    })
  const release = (worker: Worker) => {
    const next = waiting.shift()
    if (next === undefined) idle.push(worker)
    else next(worker)
  }
  const compute = async (chunk: Chunk): Promise<RunResult[]> => {
    const worker = await acquire()
    try {
      return await new Promise<RunResult[]>((resolve, reject) => {
        const onError = (error: Error) => reject(error)
        worker.once('error', onError)
        worker.once('message', (results: RunResult[]) => {
          worker.off('error', onError)
          resolve(results)
        })
        worker.postMessage(chunk)
      })
    } finally {
      release(worker)
    }
  }
  const results = async (job: Job) => {
    const chunks: Promise<RunResult[]>[] = []
    for (let from = 0; from < job.runs; from += CHUNK) {
      chunks.push(compute({ ...job, from, runs: Math.min(CHUNK, job.runs - from) }))
    }
    return (await Promise.all(chunks)).flat()
  }
  return {
    run: async (job) => summarise(job.scenario, job.judge, await results(job)),
    results,
    close: async () => {
      await Promise.all(all.map((worker) => worker.terminate()))
    },
  }
}
