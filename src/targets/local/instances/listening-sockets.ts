import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

export interface ListeningSocket {
  /** `0.0.0.0`, `127.0.0.1`, `::`, `::1`, or the raw hexadecimal text of another IPv6 address. */
  readonly address: string
  readonly port: number
}

const LISTEN = '0A'

/** What the given processes listen on, by /proc; null where that cannot be known. */
export function listeningSocketsOf(pids: readonly number[]): readonly ListeningSocket[] | null {
  const sockets = readSockets()
  if (sockets === null) return null
  return pids.flatMap((pid) => inodesOf(pid)).flatMap((inode) => sockets.get(inode) ?? [])
}

function readSockets(): ReadonlyMap<string, ListeningSocket> | null {
  const found = new Map<string, ListeningSocket>()
  let readable = false
  for (const file of ['/proc/net/tcp', '/proc/net/tcp6']) {
    let text: string
    try {
      text = readFileSync(file, 'utf8')
    } catch {
      continue
    }
    readable = true
    for (const line of text.split('\n').slice(1)) {
      const [, local = '', , state, , , , , , inode] = line.trim().split(/\s+/)
      const [address, port] = local.split(':')
      if (state !== LISTEN || inode === undefined || address === undefined || port === undefined) continue
      found.set(inode, { address: readAddress(address), port: Number.parseInt(port, 16) })
    }
  }
  return readable ? found : null
}

/** Little-endian words of 32 bits, as the kernel prints them. */
function readAddress(hex: string): string {
  if (hex.length === 8) {
    return [6, 4, 2, 0].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)).join('.')
  }
  if (/^0{32}$/.test(hex)) return '::'
  if (hex === '00000000000000000000000001000000') return '::1'
  return hex
}

function inodesOf(pid: number): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? []
      } catch {
        return []
      }
    })
  } catch {
    return []
  }
}
