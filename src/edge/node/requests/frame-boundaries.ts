/** Follows the frames of a WebSocket in one direction, to know where another frame may be put in between. */
export class FrameBoundaries {
  /** Bytes of the current frame's payload that are still to come. */
  #payload = 0
  #head: number[] = []
  /** A close frame has begun: nothing may follow it. */
  isClosing = false

  get isAtBoundary(): boolean {
    return this.#payload === 0 && this.#head.length === 0
  }

  /** Takes note of bytes; returns the offset after the first frame that ends in them, -1 when none does. */
  push(data: Buffer): number {
    let first = -1
    let at = 0
    while (at < data.length) {
      if (this.#payload > 0) {
        const used = Math.min(this.#payload, data.length - at)
        this.#payload -= used
        at += used
      } else {
        this.#head.push(data[at] ?? 0)
        at++
        this.#readHead()
      }
      if (first < 0 && this.isAtBoundary) first = at
    }
    return first
  }

  #readHead(): void {
    const [opcode = 0, length] = this.#head
    if (length === undefined) return
    const short = length & 0x7f
    const extended = short === 126 ? 2 : short === 127 ? 8 : 0
    const mask = length & 0x80 ? 4 : 0
    if (this.#head.length < 2 + extended + mask) return
    let payload = short
    if (extended > 0) payload = this.#head.slice(2, 2 + extended).reduce((sum, byte) => sum * 256 + byte, 0)
    if ((opcode & 0x0f) === 0x8) this.isClosing = true
    this.#payload = payload
    this.#head = []
  }
}

/** Unmasked close frame as servers send it. */
export function closeFrame(code: number, reason = ''): Buffer {
  const text = Buffer.from(reason)
  return Buffer.concat([Buffer.from([0x88, 2 + text.length, code >> 8, code & 0xff]), text])
}
