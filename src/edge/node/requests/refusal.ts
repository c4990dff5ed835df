/** True when nothing listens there. Other failures to connect may be ours, such as too many open files. */
export function isRefusal(error: Error): boolean {
  return 'code' in error && (error.code === 'ECONNREFUSED' || error.code === 'EHOSTUNREACH' || error.code === 'ENOENT')
}
