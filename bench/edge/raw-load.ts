import { connect, type Socket } from 'node:net'

// A load generator that costs little itself: raw sockets, one request at a time on each, no parser but for lengths.
// `raw-load.ts JSON` prints one JSON document. As a process of its own it can be pinned to a core of its own.

interface LoadOrder {
  readonly port: number
  readonly connections: number
  readonly warmUpMs: number
  readonly durationMs: number
  /** Absent: as fast as the answers come. */
  readonly perSecond?: number
  readonly path?: string
}

const order = JSON.parse(process.argv[2] ?? '{}') as LoadOrder
const request = Buffer.from(
  `GET ${order.path ?? '/'} HTTP/1.1\r\nHost: www.example\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nAccept: application/json\r\nAccept-Encoding: gzip, br\r\nAccept-Language: en\r\nCookie: theme=dark; sluice-visitor=0123456789abcdef\r\n\r\n`,
)
const latenciesUs: number[] = []
const idle: Client[] = []
let requests = 0
let failures = 0
let isMeasuring = false

class Client {
  readonly #socket: Socket
  #sentAt = 0
  #received = 0
  #expected = -1

  constructor() {
    this.#socket = connect({ port: order.port, host: '127.0.0.1', noDelay: true })
    this.#socket.on('connect', () => (order.perSecond === undefined ? this.send() : idle.push(this)))
    this.#socket.on('data', (data) => this.#receive(data))
    this.#socket.on('error', () => failures++)
    this.#socket.on('close', () => failures++)
  }

  send(): void {
    this.#sentAt = performance.now()
    this.#socket.write(request)
  }

  #receive(data: Buffer): void {
    if (this.#expected < 0) {
      const end = data.indexOf('\r\n\r\n')
      const head = data.toString('latin1', 0, end)
      const length = /content-length: *(\d+)/i.exec(head)?.[1]
      if (end < 0 || length === undefined || !head.startsWith('HTTP/1.1 200')) failures++
      this.#expected = end + 4 + Number(length)
    }
    this.#received += data.length
    if (this.#received < this.#expected) return
    this.#received = 0
    this.#expected = -1
    if (isMeasuring) {
      requests++
      latenciesUs.push((performance.now() - this.#sentAt) * 1000)
    }
    if (order.perSecond === undefined) this.send()
    else idle.push(this)
  }
}

for (let i = 0; i < order.connections; i++) new Client()

if (order.perSecond !== undefined) {
  const perMs = order.perSecond / 1000
  let due = 0
  let last = performance.now()
  setInterval(() => {
    const now = performance.now()
    due += (now - last) * perMs
    last = now
    for (; due >= 1; due--) idle.shift()?.send()
  }, 1)
}

setTimeout(() => {
  isMeasuring = true
  const startedAt = performance.now()
  process.stdout.write('measuring\n')
  setTimeout(() => {
    const seconds = (performance.now() - startedAt) / 1000
    latenciesUs.sort((a, b) => a - b)
    const at = (share: number) => latenciesUs[Math.floor(share * (latenciesUs.length - 1))] ?? 0
    const result = { requests, failures, perSecond: requests / seconds, p50Us: at(0.5), p99Us: at(0.99) }
    process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0))
  }, order.durationMs)
}, order.warmUpMs)
