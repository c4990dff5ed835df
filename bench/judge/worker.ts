import { parentPort } from 'node:worker_threads'
import { judgeNamed } from './judges/registry.ts'
import type { Chunk } from './pool.ts'
import { simulate } from './simulate.ts'

parentPort?.on('message', ({ judge, scenario, seed, from, runs }: Chunk) => {
  const one = judgeNamed(judge)
  parentPort?.postMessage(Array.from({ length: runs }, (_, i) => simulate(one, scenario, seed, from + i)))
})
