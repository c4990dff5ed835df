import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { Artifact } from '../../build/artifact-store.ts'
import { policyFor } from '../../control/policy.ts'
import { memoryHosts } from '../../databases/testing/memory-hosts.ts'
import type { Judge, JudgeState } from '../../judge/index.ts'
import type { Actor } from '../../model/actor.ts'
import type { DeployOrder, DeployRequest } from '../../model/deploy-request.ts'
import type { SluiceError } from '../../model/error.ts'
import type { StrategySettings } from '../../model/strategy.ts'
import { ada } from '../../model/testing/ada.ts'
import { openSecretBox } from '../../secrets/secret-box.ts'
import type { ReadSource } from '../../sources/sources.ts'
import { type TemporaryDatabase, temporaryDatabase } from '../../store/testing/temporary-database.ts'
import { type Clock, systemClock } from '../../support/clock.ts'
import { userEnvironment } from '../../support/user-environment.ts'
import { localRunner } from '../../targets/local/local-runner.ts'
import type { TargetKind } from '../../targets/target-kind.ts'
import { createEngine, type EngineParts, type WorkflowsDecorator } from '../create-engine.ts'
import type { Deployment } from '../engine.ts'
import { deployOrder, type RequestOfTest } from './deploy-order.ts'
import { type MemoryTarget, memoryTarget } from './memory-target.ts'

/** A real engine on a real database, with a target in memory. */
export interface TestEngine {
  readonly parts: EngineParts
  readonly store: Omit<TemporaryDatabase, 'another'>
  readonly target: MemoryTarget
  readonly directory: string
  /** Name of the test's own environment, and its key. */
  readonly environment: () => string
  readonly key: () => string
  /** A new environment, and nothing left of the test before. */
  renew(): void
  failNextBuild(error: SluiceError): void
  /** What every build of this test prints. */
  buildPrints(line: string): void
  /** From now on no artifact is there any more. */
  loseArtifacts(): void
  order(strategy?: Partial<StrategySettings>, change?: Partial<DeployOrder>): DeployOrder
  /** Deploys what a source would have come to. */
  start(order: DeployOrder, more?: { readonly actor?: Actor } & Partial<DeployRequest>): Promise<Deployment>
  deploy(strategy?: Partial<StrategySettings>, change?: Partial<DeployOrder>): Promise<Deployment>
  /** Deploys and waits for success. */
  serve(strategy?: Partial<StrategySettings>): Promise<Deployment>
  until(id: string, isReached: (deployment: Deployment) => boolean): Promise<Deployment>
  finished(id: string): Promise<Deployment>
  remove(): Promise<void>
}

export interface TestEngineOptions {
  readonly judge: Judge<JudgeState>
  readonly clock?: Clock
  readonly request?: Omit<RequestOfTest, 'environment' | 'strategy' | 'change'>
  /** What releases with a database get. */
  readonly databaseUrl?: string
  /** Another target than the one in memory. */
  readonly real?: TargetKind
  /** A database that another process has; absent: one of its own. */
  readonly store?: Omit<TemporaryDatabase, 'another'>
  readonly safePointGraceMs?: number
  readonly decorateWorkflows?: WorkflowsDecorator
}

/** Longest wait for what a test expects; only a hanging one meets it. */
const HANGING_MS = 120_000

export async function testEngine(options: TestEngineOptions): Promise<TestEngine> {
  const { judge, clock = systemClock, request: given, databaseUrl, real, safePointGraceMs, decorateWorkflows } = options
  const store = options.store ?? (await temporaryDatabase())
  const directory = await mkdtemp(join(tmpdir(), 'sluice-engine-'))
  const target = memoryTarget({
    // The commands of a release are real programs here too.
    runnerWith: (environmentOf) =>
      localRunner({ files: async () => directory, environmentOf, inherited: userEnvironment({}, process.execPath) }),
  })
  const artifact: Artifact = { id: 'a'.repeat(64), files: 1, bytes: 1, createdAt: '', buildKey: null, description: '' }
  let buildError: SluiceError | null = null
  let buildLine = 'building'
  let hasArtifacts = true
  // What the source of each call comes to: the name of its environment stands for it.
  const orders = new Map<string, DeployOrder>()
  const ordered = (name: string): ReadSource => {
    const order = orders.get(name)
    if (order === undefined) throw new Error(`nothing was ordered as ${name}`)
    orders.delete(name)
    return { order, repository: null, printed: '' }
  }
  const parts = createEngine({
    database: store.database,
    databaseUrl: store.url,
    targets: (environmentOf) => [real ?? target.kind(environmentOf)],
    sources: {
      read: async ({ environment }) => ordered(environment),
      readAgain: async ({ environment }) => ordered(environment),
    },
    builder: {
      build: async ({ onLine, signal }) => {
        onLine(buildLine)
        signal.throwIfAborted()
        if (buildError !== null) throw buildError
        return { artifact, reused: false, seconds: 0.1 }
      },
    },
    artifacts: {
      add: async () => artifact,
      get: async () => (hasArtifacts ? artifact : null),
      find: async () => artifact,
      tree: async () => directory,
      prune: async () => [],
    },
    secrets: await openSecretBox(join(directory, 'secrets')),
    databases: memoryHosts(databaseUrl),
    judge,
    policyFor,
    clock,
    log: { info: () => {}, warn: () => {}, error: () => {} },
    ...(safePointGraceMs === undefined ? {} : { safePointGraceMs }),
    ...(decorateWorkflows === undefined ? {} : { decorateWorkflows }),
  })
  await parts.launch()

  let names = 0
  const environment = () => `e${names}`
  const order: TestEngine['order'] = (strategy = {}, change = {}) =>
    deployOrder({
      environment: environment(),
      strategy: { batch: 0.5, surge: 0.5, ...strategy },
      change: { projectDir: directory, ...change },
      ...given,
    })
  const until: TestEngine['until'] = async (id, isReached) => {
    const deadline = performance.now() + HANGING_MS
    for (;;) {
      const found = await parts.engine.deployments.get(id)
      if (isReached(found)) return found
      if (performance.now() > deadline) throw new Error(`${id} stays ${found.state}: ${JSON.stringify(found)}`)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
  const finished = (id: string) => until(id, ({ running }) => !running)
  const start: TestEngine['start'] = (wanted, { actor = ada, ...more } = {}) => {
    const name = `order${orders.size}-${Math.random()}`
    orders.set(name, wanted)
    const source = { kind: 'folder', directory: wanted.projectDir } as const
    return parts.engine.deployments.deploy(actor, { environment: name, source, replace: wanted.replace, ...more })
  }
  const deploy: TestEngine['deploy'] = (strategy, change) => start(order(strategy, change))
  return {
    parts,
    store,
    target,
    directory,
    environment,
    key: () => `shop.${environment()}`,
    renew: () => {
      names++
      buildError = null
      buildLine = 'building'
      hasArtifacts = true
      target.beforeScale = async () => {}
      target.statusOf = null
      target.habits = {}
    },
    buildPrints: (line) => {
      buildLine = line
    },
    failNextBuild: (error) => {
      buildError = error
    },
    loseArtifacts: () => {
      hasArtifacts = false
    },
    order,
    start,
    deploy,
    serve: async (strategy) => {
      const deployment = await finished((await deploy(strategy)).id)
      expect(deployment.state, JSON.stringify(deployment.reason)).toBe('succeeded')
      return deployment
    },
    until,
    finished,
    remove: async () => {
      await parts.shutdown()
      await store.remove()
      await rm(directory, { recursive: true, force: true })
    },
  }
}
