import { z } from 'zod'
import { duration, key, required, share, urlPath } from './key.ts'

const strategyNames = ['rolling', 'blue-green', 'canary'] as const

const settings = z.strictObject({
  name: required(z.enum(strategyNames), 'Which strategy the other keys are for.'),
  steps: key(
    z.array(z.number().gt(0).max(100)).min(1),
    '`canary`: fixed steps in percent, rising; 100 may be left out.',
    undefined,
    'the judge’s ramp',
  ),
  stepTime: key(
    duration,
    '`canary` with `steps`: time at each. `rolling`: time that the judge watches each batch; without it, it looks at what is known and waits only in doubt.',
    undefined,
    '60s; rolling 0s',
  ),
  preset: key(z.enum(['careful', 'balanced', 'fast']), 'How much the judge risks and how long it waits.', 'balanced'),
  observe: key(duration, '`canary`, `blue-green`: shortest time before 100 %.', undefined, '5m; careful 15m, fast 2m'),
  maxWait: key(
    duration,
    '`canary`, `blue-green`: longest wait for enough evidence; then it is promoted and called inconclusive.',
    undefined,
    '30m; careful 60m, fast 10m',
  ),
  bake: key(
    duration,
    'Time at 100 % during which the old fleet stays warm, all of it, and the judge watches.',
    undefined,
    '10m; rolling 0s',
  ),
  batch: key(share, '`rolling`: share of instances replaced at once; one at least.', '25%'),
  surge: key(
    share,
    '`rolling`: extra instances allowed meanwhile, as a share; below `batch` they come in smaller pieces. `0%`: old ones go first, then the new come; a single instance is replaced new first all the same. With a `bake` the old fleet stays whole and this has no say.',
    '25%',
  ),
  switch: key(z.enum(['at-once', 'ramp']), '`blue-green`: all traffic at once, or by the judge’s ramp.', 'at-once'),
  smoke: key(z.array(urlPath), 'Paths asked of each new instance before any user; 2xx or 3xx passes.', []),
  onInconclusive: key(
    z.enum(['ask', 'promote', 'roll-back']),
    'What follows a confirmation that stays undecided.',
    'ask',
  ),
  absoluteLimit: key(share, 'Share of failing requests that always rolls back.', '1%'),
  latency: key(z.boolean(), 'Compare latency too.', true),
  latencyTolerance: key(share, 'Slowdown that is accepted.', undefined, '19%; careful 9%'),
})

export const strategy = z.union([z.enum(strategyNames), settings])
