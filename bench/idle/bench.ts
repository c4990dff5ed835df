import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { installation, numberOption } from '../../e2e/support/installation.ts'
import { plainTable } from '../support/table.ts'

/** Kernel ticks per second, the same on every Linux that Node runs on. */
const TICKS = 100

export const bench = {
  name: 'idle',
  description: '--seconds 300: memory and CPU of control plane, edge and PostgreSQL with nothing deployed',
  async run(args: string[]): Promise<void> {
    const seconds = numberOption(args, 'seconds', 300)
    const place = await installation({ environments: { e: 'rolling' } })
    try {
      await sleep(Math.min(20, seconds) * 1000)
      const before = await measure(place.home)
      await sleep(seconds * 1000)
      const after = await measure(place.home)
      const rows = Object.entries(after).map(([name, { pss, ticks }]) => [
        name,
        Math.round(pss / 1024),
        (100 * (ticks - (before[name]?.ticks ?? ticks))) / TICKS / seconds,
      ])
      const sum = (column: 1 | 2) => rows.reduce((total, row) => total + Number(row[column]), 0)
      console.log(
        plainTable({ columns: ['part', 'PSS MB', 'CPU % of a core'], rows: [...rows, ['together', sum(1), sum(2)]] }),
      )
    } finally {
      await place.remove()
    }
  },
}

/** Every process that works below this home, by part. */
async function measure(home: string): Promise<Record<string, { pss: number; ticks: number }>> {
  const parts: Record<string, { pss: number; ticks: number }> = {}
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    try {
      const command = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ')
      const part = partOf(command, home) ?? partOf(await parentCommand(pid), home)
      if (part === null) continue
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      const pss = Number(/^Pss:\s+(\d+)/m.exec(await readFile(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0)
      const known = parts[part] ?? { pss: 0, ticks: 0 }
      parts[part] = { pss: known.pss + pss, ticks: known.ticks + Number(fields[11]) + Number(fields[12]) }
    } catch {
      // ended meanwhile
    }
  }
  return parts
}

function partOf(command: string, home: string): string | null {
  if (!command.includes(home)) return null
  if (command.includes('control/process')) return 'control plane'
  if (command.includes('edge/')) return 'edge'
  if (command.includes('postgres')) return 'PostgreSQL'
  return null
}

async function parentCommand(pid: string): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  const parent = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]
  return (await readFile(`/proc/${parent}/cmdline`, 'utf8')).replaceAll('\0', ' ')
}
