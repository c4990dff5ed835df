// `npm test`: the tests on the server that DATABASE_URL names, else on one of their own from the checkout around this folder.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const folder = import.meta.dirname
const files = readdirSync(folder).filter((name) => name.endsWith('.test.ts'))
const server = process.env['DATABASE_URL'] ? null : await startServer()
try {
  const { status } = spawnSync(
    process.execPath,
    ['--test', '--test-reporter=spec', ...files.map((name) => join(folder, name)), ...process.argv.slice(2)],
    { stdio: 'inherit', env: { ...process.env, ...(server ? { DATABASE_URL: server.url } : {}) } },
  )
  process.exitCode = status ?? 1
} finally {
  await server?.stop()
}

async function startServer(): Promise<{ url: string; stop: () => Promise<void> } | null> {
  const entry = join(folder, '../../../src/postgres/postgres-cluster.ts')
  if (!existsSync(entry)) {
    console.error('set DATABASE_URL to a PostgreSQL server on which databases may be created')
    process.exit(2)
  }
  const { postgresCluster } = await import(entry)
  const directory = mkdtempSync(join(tmpdir(), 'social-postgres-'))
  const cluster = postgresCluster({ directory, log: () => {}, settings: { fsync: 'off' } })
  const { url } = await cluster.start({ signal: AbortSignal.timeout(120_000), deadlineMs: 120_000 })
  return {
    url,
    stop: async () => {
      await cluster.stop({ mode: 'immediate', deadlineMs: 30_000 })
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
