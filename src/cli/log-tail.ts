/** The last lines of a log that come with an error. */
export function logTail(details: Readonly<Record<string, unknown>> | undefined): readonly string[] {
  const tail = details?.logTail
  return Array.isArray(tail) ? tail.map(String).slice(-40) : []
}
