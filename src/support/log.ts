/** What our parts say to the operator. Never secrets. */
export interface Log {
  info(text: string): void
  warn(text: string): void
  error(text: string): void
}

export const silentLog: Log = { info: () => {}, warn: () => {}, error: () => {} }
