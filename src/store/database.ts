import {
  type ColumnType,
  type Generated,
  type JSONColumnType,
  Kysely,
  type KyselyPlugin,
  OperationNodeTransformer,
  PostgresDialect,
  type PrimitiveValueListNode,
  type ValueNode,
} from 'kysely'
import pg from 'pg'
import type { TrafficSplit } from '../edge/edge.ts'
import type { DeployRequest } from '../model/deploy-request.ts'
import type { DeploymentState } from '../model/deployment.ts'
import type { SerializedError } from '../model/error.ts'
import type { Event } from '../model/event.ts'
import type { ReleaseRecord } from '../model/release.ts'
import type { ReleaseState } from '../model/release-state.ts'
import type { ResolvedConfig } from '../model/resolved-config.ts'
import type { Step } from '../model/strategy.ts'
import type { Verdict } from '../model/verdict.ts'
import { storableText } from './jsonb.ts'

type Time = ColumnType<Date, Date | string | undefined, Date | string>
type NullableTime = ColumnType<Date | null, Date | string | null | undefined, Date | string | null>
type NullableJson<T extends object> = JSONColumnType<T | null, string | null | undefined, string | null>

export interface Tables {
  environments: EnvironmentTable
  releases: ReleaseTable
  deployments: DeploymentTable
  deployment_steps: StepTable
  deployment_messages: MessageTable
  judge_states: JudgeStateTable
  evidence: EvidenceTable
  events: EventTable
  secrets: SecretTable
  rollbacks: RollbackTable
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
  hold: Generated<string>
  created_at: Time
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

/** What a deployment was asked to do: a configuration to build, or a release to go back to. */
export type DeploymentRequest =
  | { readonly kind: 'deploy'; readonly request: DeployRequest }
  | { readonly kind: 'rollback'; readonly release: string | null; readonly reason: string | null }

interface DeploymentTable {
  id: string
  number: string
  kind: 'deploy' | 'rollback'
  environment: string
  state: DeploymentState
  strategy: ResolvedConfig['strategy']['name']
  request: JSONColumnType<DeploymentRequest>
  artifact: string | null
  release: string | null
  previous_release: string | null
  requested_by: string
  idempotency_key: string | null
  weight: Generated<number>
  plan: NullableJson<readonly Step[]>
  reason: NullableJson<SerializedError>
  verdict: NullableJson<Verdict>
  question: NullableJson<{ text: string; deadline: string }>
  differences: JSONColumnType<readonly string[], string | undefined, string>
  seconds: JSONColumnType<Record<string, number>, string | undefined, string>
  created_at: Time
  serving_at: NullableTime
  finished_at: NullableTime
}

interface StepTable {
  deployment: string
  position: number
  name: string
  state: 'pending' | 'running' | 'done' | 'failed' | 'skipped'
  detail: string | null
  started_at: NullableTime
  finished_at: NullableTime
}

interface MessageTable {
  id: Generated<string>
  deployment: string
  kind: string
  sent_by: string
  data: JSONColumnType<Record<string, unknown>, string | undefined, string>
  sent_at: Time
}

interface JudgeStateTable {
  deployment: string
  phase: string
  state: JSONColumnType<object>
  cursor: string | null
  started_at: Time
  updated_at: Time
}

interface EvidenceTable {
  deployment: string
  kind: string
  data: Buffer
  created_at: Time
}

interface EventTable {
  sequence: Generated<string>
  at: Time
  type: Event['type']
  environment: string | null
  deployment: string | null
  data: JSONColumnType<Record<string, unknown>>
}

interface SecretTable {
  environment: string
  name: string
  version: number
  ciphertext: Buffer | null
  created_at: Time
}

interface RollbackTable {
  deployment: string
  environment: string
  seconds: number
  way: string
  measured_at: Time
}

export type Database = Kysely<Tables>

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
