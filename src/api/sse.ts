import { isSluiceError } from '../model/error.ts'

export const SSE_HELLO = ': connected\n\n'
export const SSE_PING = ': ping\n\n'

/** One Server-Sent Event; `JSON.stringify` leaves no line break in the data. */
export function sseFrame(data: unknown, options: { readonly id?: number; readonly event?: string } = {}): string {
  const { id, event } = options
  return `${id === undefined ? '' : `id: ${id}\n`}${event === undefined ? '' : `event: ${event}\n`}data: ${JSON.stringify(data)}\n\n`
}

export function publicError(error: unknown): object {
  return isSluiceError(error) ? error.toJSON() : { code: 'UNEXPECTED', message: 'the stream ended unexpectedly' }
}
