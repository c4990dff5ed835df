import { expect, test } from 'vitest'
import { closeFrame, FrameBoundaries } from './frame-boundaries.ts'

const frame = (payload: number, masked = false): Buffer => {
  const mask = masked ? 0x80 : 0
  const length =
    payload < 126
      ? [mask | payload]
      : payload < 65_536
        ? [mask | 126, payload >> 8, payload & 255]
        : [mask | 127, 0, 0, 0, 0, (payload >>> 24) & 255, (payload >> 16) & 255, (payload >> 8) & 255, payload & 255]
  return Buffer.concat([Buffer.from([0x82, ...length]), Buffer.alloc((masked ? 4 : 0) + payload, 1)])
}

test.each([0, 1, 125, 126, 300, 65_535, 65_536, 100_000])('a frame of %i bytes ends where it ends', (payload) => {
  for (const masked of [false, true]) {
    const bytes = Buffer.concat([frame(payload, masked), frame(3)])
    const whole = new FrameBoundaries()
    expect(whole.push(bytes)).toBe(bytes.length - 5)
    expect(whole.isAtBoundary).toBe(true)
    const cut = new FrameBoundaries()
    cut.push(bytes.subarray(0, bytes.length - 6))
    expect(cut.isAtBoundary).toBe(false)
    expect(cut.push(bytes.subarray(bytes.length - 6))).toBe(1)
    const single = new FrameBoundaries()
    if (payload < 1000) for (const byte of bytes) single.push(Buffer.from([byte]))
    expect(single.isAtBoundary).toBe(true)
  }
})

test('a close frame is seen', () => {
  const frames = new FrameBoundaries()
  frames.push(frame(5))
  expect(frames.isClosing).toBe(false)
  frames.push(closeFrame(1012, 'restart'))
  expect([frames.isClosing, frames.isAtBoundary]).toEqual([true, true])
})
