import { createHash } from 'node:crypto'
import { mkdir, readFile, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Client } from 'pg'
import { postgresCluster } from '../../src/postgres/postgres-cluster.ts'
import type { Installation } from '../support/installation.ts'

/** A home as another version left it: its files, beside them `database.sql`; paths and ports are marks. */
export interface RecordedHome {
  readonly files: readonly RecordedFile[]
}

export interface RecordedFile {
  readonly path: string
  readonly mode: number
  readonly mtimeMs: number
  readonly encoding: 'utf8' | 'base64'
  readonly content: string
}

/** Marks in the place of what differs from machine to machine; a port is one only as a whole number. */
export function withMarks(text: string, marks: Readonly<Record<string, string>>): string {
  return Object.entries(marks).reduce(
    (marked, [mark, value]) =>
      /^\d+$/.test(value)
        ? marked.replaceAll(new RegExp(`(?<![\\w.-])${value}(?![\\w.-])`, 'g'), mark)
        : marked.replaceAll(value, mark),
    text,
  )
}

function withoutMarks(text: string, marks: Readonly<Record<string, string>>): string {
  return Object.entries(marks).reduce((plain, [mark, value]) => plain.replaceAll(mark, value), text)
}

export function marksOf(place: Pick<Installation, 'home' | 'project' | 'ports'>): Readonly<Record<string, string>> {
  const ports = Object.entries(place.ports).map(([name, port]) => [`@PORT-${name}@`, String(port)])
  return { '@HOME@': place.home, '@PROJECT@': place.project, ...Object.fromEntries(ports) }
}

/** The edge's state names its own hash in its first line. */
function signed(text: string): string {
  const [, first, body] = /^(\{"format":1,"sha256":")[0-9a-f]{64}"\}\n(.*)$/s.exec(text) ?? []
  if (first === undefined || body === undefined) return text
  return `${first}${createHash('sha256').update(body).digest('hex')}"}\n${body}`
}

/** Puts a recorded home onto this machine, as after a reboot: nothing of it runs. */
export async function bringBack(
  folder: string,
  place: Pick<Installation, 'home' | 'project' | 'ports'>,
): Promise<void> {
  const { home } = place
  const marks = marksOf(place)
  const { files } = JSON.parse(await readFile(join(folder, 'home.json'), 'utf8')) as RecordedHome
  for (const { path, mode, mtimeMs, encoding, content } of files) {
    const file = join(home, path)
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, encoding === 'utf8' ? signed(withoutMarks(content, marks)) : Buffer.from(content, encoding), {
      mode,
    })
    await utimes(file, mtimeMs / 1000, mtimeMs / 1000)
  }
  const cluster = postgresCluster({ directory: join(home, 'postgres'), log: () => {} })
  const { password } = await cluster.start({ signal: AbortSignal.timeout(60_000), deadlineMs: 60_000 })
  const { url } = await cluster.ensureDatabase({ database: 'sluice', role: 'sluice', password })
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(withoutMarks(await readFile(join(folder, 'database.sql'), 'utf8'), marks))
  } finally {
    await client.end()
  }
}
