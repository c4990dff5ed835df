import { createHash } from 'node:crypto'
import { copyFile, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SluiceError } from '../model/error.ts'
import { writeFileAtomic } from '../support/atomic-file.ts'
import type { HoldOrder, RouteTable } from './edge.ts'

/** All that an edge must know to serve again after its process died. */
export interface SavedEdge {
  readonly tables: readonly RouteTable[]
  readonly holds: readonly HoldOrder[]
}

export interface LoadedEdge {
  readonly saved: SavedEdge
  /** Why an older copy had to be used; null when all is well. */
  readonly problem: string | null
}

const FORMAT = 1

/** Writes the state so that power loss leaves the old or the new one, and keeps the one before as a second copy. */
export async function saveEdge(directory: string, saved: SavedEdge): Promise<void> {
  const file = join(directory, 'edge-state.json')
  const body = JSON.stringify(saved)
  // Only a sound copy may become the previous one, or two bad writes would lose both.
  if ((await readSaved(file)).saved !== null) await copyFile(file, `${file}.previous`)
  await writeFileAtomic(file, `${JSON.stringify({ format: FORMAT, sha256: sha256(body) })}\n${body}`, { mode: 0o600 })
}

/**
 * Reads the state back; a damaged file is replaced by the copy before it. Throws `EDGE_UNREACHABLE` when there is a
 * state but no readable copy of it: an edge must never start empty by mistake.
 */
export async function loadEdge(directory: string): Promise<LoadedEdge> {
  const file = join(directory, 'edge-state.json')
  const current = await readSaved(file)
  if (current.saved !== null) return { saved: current.saved, problem: null }
  const previous = await readSaved(`${file}.previous`)
  if (previous.saved !== null) {
    return { saved: previous.saved, problem: `${file} ${current.problem}; serving by the copy before it` }
  }
  if (current.absent && previous.absent) return { saved: { tables: [], holds: [] }, problem: null }
  throw new SluiceError('EDGE_UNREACHABLE', `the edge cannot read its state: ${file} ${current.problem}`, {
    hint: `restore the file, or remove it and ${file}.previous to start with no routes; the control plane applies them again`,
  })
}

interface ReadResult {
  readonly saved: SavedEdge | null
  readonly absent: boolean
  readonly problem: string
}

async function readSaved(file: string): Promise<ReadResult> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    const absent = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    return { saved: null, absent, problem: absent ? 'is missing' : `cannot be read (${String(error)})` }
  }
  const problem = 'is damaged'
  try {
    const end = text.indexOf('\n')
    const header = JSON.parse(text.slice(0, end))
    const body = text.slice(end + 1)
    if (header.format !== FORMAT) return { saved: null, absent: false, problem: `has the format ${header.format}` }
    if (header.sha256 !== sha256(body)) return { saved: null, absent: false, problem }
    return { saved: JSON.parse(body), absent: false, problem: '' }
  } catch {
    return { saved: null, absent: false, problem }
  }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
