import { expect } from 'vitest'
import type { DeployOrder } from '../../model/deploy-request.ts'
import type { ReleaseService } from '../../model/release.ts'
import type { StrategySettings } from '../../model/strategy.ts'
import type { At, Cloud } from '../../targets/testing/slow-target/cloud.ts'
import type { HabitsName } from '../../targets/testing/slow-target/habits.ts'
import { ROUTERS } from '../../targets/testing/slow-target/routers.ts'
import type { Deployment } from '../engine.ts'
import { deployOrder } from './deploy-order.ts'
import type { TestEngine } from './test-engine.ts'

/** An environment at a slow place, with users who never stop. */
export interface SlowPlace {
  readonly at: At
  readonly key: string
  deploy(strategy: Partial<StrategySettings>, change?: Change): Promise<Deployment>
  /** Deploys and waits for success. */
  serve(strategy?: Partial<StrategySettings>): Promise<Deployment>
  /** From now on this share of the release's requests fails. */
  fail(release: string, share: number): void
  /** Who serves, as each router goes by, and what all users met. */
  seen(): {
    readonly serves: readonly (string | null)[]
    readonly lost: readonly string[]
    readonly badOf: readonly string[]
  }
  /** Tasks that are there, by release. */
  running(): readonly string[]
}

export interface Change {
  readonly service?: Partial<ReleaseService>
  readonly request?: Partial<DeployOrder>
}

const PER_SECOND = 20

export function slowPlace(engine: TestEngine, cloud: Cloud, name: string, habits: HabitsName = 'cloud'): SlowPlace {
  const at: At = { environment: `shop.${name}`, habits }
  const deploy: SlowPlace['deploy'] = (strategy, { service, request } = {}) =>
    engine.start(
      deployOrder({
        environment: name,
        strategy,
        config: { target: { name: 'slow', settings: { habits } } },
        change: { projectDir: engine.directory, ...request },
        ...(service === undefined ? {} : { service }),
      }),
    )
  return {
    at,
    key: at.environment,
    deploy,
    serve: async (strategy = { name: 'rolling', batch: 1, surge: 1 }) => {
      const deployment = await engine.finished((await deploy(strategy)).id)
      expect(deployment, JSON.stringify(deployment.reason)).toMatchObject({ state: 'succeeded', reason: null })
      cloud.visit({ ...at, perSecond: PER_SECOND })
      return deployment
    },
    fail: (release, share) => cloud.visit({ ...at, perSecond: PER_SECOND, failing: { [release]: share } }),
    seen: () => {
      const { lost, bad } = cloud.tally(at)
      const serves = Array.from({ length: ROUTERS }, (_, router) => {
        const split = cloud.askRouter({ ...at, router })?.split
        return (split?.candidate != null && split.weight > 0 ? split.candidate : split?.base) ?? null
      })
      return { serves, lost, badOf: Object.keys(bad) }
    },
    running: () => [
      ...new Set(
        cloud
          .describe(at)
          .tasks.filter(({ state }) => state !== 'stopping')
          .map(({ release }) => release),
      ),
    ],
  }
}
