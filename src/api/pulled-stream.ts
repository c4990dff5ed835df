import { SluiceError } from '../model/error.ts'

export interface PulledStreamOptions {
  /** Of the request: aborted when the reader is gone. */
  readonly signal: AbortSignal
  /** Sent at once, so that the reader knows that it is heard. */
  readonly hello: string
  readonly ping: string
  readonly pingMs: number
  /** A reader that takes nothing for this long is let go. */
  readonly stallMs: number
  /** Last words when the source fails. */
  readonly onError: (error: unknown) => string
}

/** Frames made ahead of a slow reader; no more are asked for until it has taken them. */
const FRAMES_AHEAD = 16

/**
 * A response body that asks its source for the next frame only when the reader has room: a slow reader costs a few
 * frames of memory, blocks nobody and misses nothing.
 */
export function pulledStream(
  source: (signal: AbortSignal) => AsyncIterable<string>,
  options: PulledStreamOptions,
): ReadableStream<Uint8Array> {
  const { hello, ping, pingMs, stallMs, onError } = options
  const gone = new AbortController()
  const signal = AbortSignal.any([options.signal, gone.signal])
  const encoder = new TextEncoder()
  const frames = source(signal)[Symbol.asyncIterator]()
  let timer: NodeJS.Timeout | undefined
  let stalledMs = 0

  const stop = () => {
    clearInterval(timer)
    gone.abort()
  }
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const isOpen = () => !signal.aborted && controller.desiredSize !== null
        controller.enqueue(encoder.encode(hello))
        timer = setInterval(() => {
          if (!isOpen()) return stop()
          const hasRoom = (controller.desiredSize ?? 0) > 0
          stalledMs = hasRoom ? 0 : stalledMs + pingMs
          if (hasRoom) return controller.enqueue(encoder.encode(ping))
          if (stalledMs < stallMs) return
          stop()
          controller.error(new SluiceError('DEADLINE_EXCEEDED', 'the reader took nothing for too long'))
        }, pingMs)
      },
      async pull(controller) {
        try {
          const next = await frames.next()
          if (signal.aborted) return close(controller)
          if (next.done !== true) return controller.enqueue(encoder.encode(next.value))
        } catch (error) {
          if (!signal.aborted) controller.enqueue(encoder.encode(onError(error)))
        }
        close(controller)
      },
      cancel: stop,
    },
    new CountQueuingStrategy({ highWaterMark: FRAMES_AHEAD }),
  )

  function close(controller: ReadableStreamDefaultController<Uint8Array>): void {
    stop()
    try {
      controller.close()
    } catch {
      // the reader cancelled in the meantime
    }
  }
}

/** Nothing on the way may hold frames back or change them. */
export const streamHeaders = {
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
} as const
