import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SluiceError } from '../model/error.ts'
import type { Context } from './command.ts'

/** `--edge`, checked: null where it was not written. */
export function edgeOption({ edge }: { readonly edge?: string }): 'node' | 'haproxy' | null {
  if (edge === undefined) return null
  if (edge === 'node' || edge === 'haproxy') return edge
  throw new SluiceError('USAGE', `--edge ${edge} is not known`, { hint: 'node or haproxy' })
}

/** The edge is chosen once for the installation: nothing else would show that the flag did nothing. */
export async function tellChosenEdge(wanted: string, context: Context): Promise<void> {
  const chosen = (await readFile(join(context.home.control, 'edge'), 'utf8').catch(() => '')).trim()
  if (chosen === '' || chosen === wanted) return
  context.say(
    `--edge ${wanted} does nothing here: ${chosen} runs. \`sluice down --all\` stops it and everything behind it`,
  )
}
