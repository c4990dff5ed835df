/** A slot as HAProxy has it now. */
export interface ServerState {
  readonly backend: string
  readonly slot: string
  readonly host: string
  readonly port: number
  readonly admin: 'ready' | 'drain' | 'maint'
}

// The bit of the word 'disabled' in the configuration (0x04) stays set for ever and means nothing.
const MAINT = 0x01 | 0x02
const DRAIN = 0x08 | 0x10

/** Lines of `show servers state`: the truth about slots, also after a reload or under a new agent. */
export function parseServersState(text: string): ServerState[] {
  const lines = text.split('\n')
  const head = lines.find((line) => line.startsWith('# '))
  if (head === undefined) return []
  const names = head.slice(2).split(' ')
  const column = (name: string) => names.indexOf(name)
  const [backend, slot, host, admin, port] = ['be_name', 'srv_name', 'srv_addr', 'srv_admin_state', 'srv_port'].map(
    column,
  )
  return lines
    .filter((line) => /^\d+ \S+ \d+ \S+ /.test(line))
    .map((line) => line.split(' '))
    .map((field) => {
      const flags = Number(field[admin ?? -1])
      return {
        backend: field[backend ?? -1] ?? '',
        slot: field[slot ?? -1] ?? '',
        host: field[host ?? -1] ?? '',
        port: Number(field[port ?? -1]),
        admin: (flags & MAINT) !== 0 ? 'maint' : (flags & DRAIN) !== 0 ? 'drain' : 'ready',
      }
    })
}
