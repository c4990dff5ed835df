import {
  type ColumnType,
  type Generated,
  type JSONColumnType,
  Kysely,
  type KyselyPlugin,
  type Transaction as KyselyTransaction,
  OperationNodeTransformer,
  PostgresDialect,
  type PrimitiveValueListNode,
  type ValueNode,
} from 'kysely'
import pg from 'pg'
import type { ActivityNeeds, Question, Waiting } from '../model/activity.ts'
import type { Actor } from '../model/actor.ts'
import type { DeployOrder } from '../model/deploy-request.ts'
import type { SerializedError } from '../model/error.ts'
import type { Event } from '../model/event.ts'
import type { Hold } from '../model/holds.ts'
import type { ReleaseRecord, ReleaseTarget } from '../model/release.ts'
import type { ReleaseState } from '../model/release-state.ts'
import type { ResolvedConfig } from '../model/resolved-config.ts'
import type { LatencyHistogram, StatusClasses } from '../model/sample.ts'
import type { Step } from '../model/strategy.ts'
import type { TrafficSplit } from '../model/traffic-split.ts'
import type { Verdict } from '../model/verdict.ts'
import { storableText } from './jsonb.ts'

type Time = ColumnType<Date, Date | string | undefined, Date | string>
type NullableTime = ColumnType<Date | null, Date | string | null | undefined, Date | string | null>
type NullableJson<T extends object> = JSONColumnType<T | null, string | null | undefined, string | null>

export interface Tables {
  projects: ProjectTable
  environments: EnvironmentTable
  releases: ReleaseTable
  activities: ActivityTable
  activity_steps: StepTable
  activity_messages: MessageTable
  deployments: DeploymentTable
  judge_states: JudgeStateTable
  evidence: EvidenceTable
  events: EventTable
  event_counter: EventCounterTable
  secrets: SecretTable
  rollbacks: RollbackTable
  consumer_cursors: CursorTable
  sample_minutes: SampleMinuteTable
}

interface EnvironmentTable {
  key: string
  project: string
  name: string
  preview_key: string
  http_port: number | null
  fence: Generated<string>
  lease_holder: string | null
  release: string | null
  warm_release: string | null
  split: NullableJson<TrafficSplit>
  /** Where it runs, as of its newest release; null: nothing was deployed yet. */
  target: NullableJson<ReleaseTarget>
  holds: JSONColumnType<readonly Hold[], string | undefined, string>
  created_at: Time
}

interface ProjectTable {
  name: string
  directory: string
  repository: string | null
  created_at: Time
  updated_at: Time
}

interface ReleaseTable {
  id: string
  environment: string
  deployment: string
  record: JSONColumnType<ReleaseRecord>
  state: ReleaseState
  hold_reason: string | null
  created_at: Time
}

/** What a deployment was asked to do, and by whom (absent in old rows): a configuration to build, or a release to go back to. */
export type DeploymentRequest =
  | { readonly kind: 'deploy'; readonly request: DeployOrder; readonly actor?: Actor }
  | {
      readonly kind: 'rollback'
      readonly release: string | null
      readonly reason: string | null
      readonly actor?: Actor
    }

interface ActivityTable {
  id: string
  /** Rises with each, over all kinds: the smaller one was asked for earlier. */
  ordinal: Generated<string>
  kind: string
  environment: string
  needs: ActivityNeeds
  /** Of a deployment: a `DeploymentState`. */
  state: string
  request: JSONColumnType<object>
  requested_by: string
  idempotency_key: string | null
  reason: NullableJson<SerializedError>
  question: NullableJson<Question>
  waiting: NullableJson<Waiting>
  seconds: JSONColumnType<Record<string, number>, string | undefined, string>
  created_at: Time
  /** Set with the outcome. */
  finished_at: NullableTime
}

/** What an activity has when it is a deployment or a rollback. */
interface DeploymentTable {
  activity: string
  strategy: ResolvedConfig['strategy']['name']
  artifact: string | null
  release: string | null
  previous_release: string | null
  weight: Generated<number>
  plan: NullableJson<readonly Step[]>
  verdict: NullableJson<Verdict>
  differences: JSONColumnType<readonly string[], string | undefined, string>
  serving_at: NullableTime
}

interface StepTable {
  activity: string
  position: number
  name: string
  state: 'pending' | 'running' | 'done' | 'failed' | 'skipped'
  detail: string | null
  started_at: NullableTime
  finished_at: NullableTime
}

interface MessageTable {
  id: Generated<string>
  activity: string
  kind: string
  sent_by: string
  data: JSONColumnType<Record<string, unknown>, string | undefined, string>
  sent_at: Time
}

interface JudgeStateTable {
  activity: string
  phase: string
  state: JSONColumnType<object>
  cursor: string | null
  started_at: Time
  updated_at: Time
}

interface EvidenceTable {
  activity: string
  kind: string
  data: Buffer
  created_at: Time
}

interface EventTable {
  sequence: string
  at: Time
  type: Event['type']
  environment: string | null
  activity: string | null
  data: JSONColumnType<Record<string, unknown>>
}

interface EventCounterTable {
  id: Generated<boolean>
  last: string
}

interface SecretTable {
  environment: string
  name: string
  version: number
  ciphertext: Buffer | null
  created_at: Time
}

interface RollbackTable {
  activity: string
  environment: string
  seconds: number
  way: string
  measured_at: Time
}

interface CursorTable {
  consumer: string
  source: string
  cursor: string
  moved_at: Time
}

interface SampleMinuteTable {
  environment: string
  minute: Date
  service: string
  release: string
  requests: string
  bad: string
  status_classes: JSONColumnType<StatusClasses>
  latency: JSONColumnType<LatencyHistogram>
}

export type Database = Kysely<Tables>
export type Transaction = KyselyTransaction<Tables>

export interface OpenedDatabase {
  readonly database: Database
  readonly pool: pg.Pool
  close(): Promise<void>
}

export function openDatabase(options: {
  readonly url: string
  readonly maxConnections?: number
  /** Lost idle connections; the pool replaces them by itself. */
  readonly onError?: (error: Error) => void
}): OpenedDatabase {
  const { url, maxConnections = 8, onError = () => {} } = options
  const pool = new pg.Pool({
    connectionString: url,
    max: maxConnections,
    connectionTimeoutMillis: 5_000,
    query_timeout: 30_000,
    idleTimeoutMillis: 30_000,
    application_name: 'sluice',
  })
  pool.on('error', onError)
  const database = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }), plugins: [storableValues()] })
  return { database, pool, close: () => database.destroy() }
}

/** What a program prints may become a step's detail: no text of its making may make a statement fail. */
function storableValues(): KyselyPlugin {
  const transformer = new StorableValues()
  return {
    transformQuery: ({ node, queryId }) => transformer.transformNode(node, queryId),
    transformResult: async ({ result }) => result,
  }
}

class StorableValues extends OperationNodeTransformer {
  protected override transformValue(node: ValueNode): ValueNode {
    return typeof node.value === 'string' ? { ...node, value: storableText(node.value) } : node
  }

  protected override transformPrimitiveValueList(node: PrimitiveValueListNode): PrimitiveValueListNode {
    return { ...node, values: node.values.map((value) => (typeof value === 'string' ? storableText(value) : value)) }
  }
}

/** True for failures of the connection, not of the statement: the same statement may succeed a moment later. */
export function isConnectionError(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const code = (error as { code?: unknown }).code
  if (typeof code === 'string') {
    if (['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ENOENT', 'ETIMEDOUT'].includes(code) && isSocketError(error))
      return true
    // class 08 connection exceptions, 57P01..03 shutdown and start-up, 53300 too many connections
    if (/^(08...|57P0[123]|53300)$/.test(code)) return true
  }
  return /Connection terminated|connection timeout|timeout exceeded when trying to connect|Client has encountered a connection error/i.test(
    error.message,
  )
}

function isSocketError(error: Error): boolean {
  return 'syscall' in error && ['connect', 'read', 'write'].includes(String(error.syscall))
}
