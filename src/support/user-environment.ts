import { delimiter, dirname } from 'node:path'

/** What users' commands inherit of our environment: a PATH that begins with the Node that runs us, and little else. */
export function userEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  execPath: string,
): Record<string, string> {
  const inherited = ['HOME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR', 'USER', 'LOGNAME', 'SHELL'].flatMap((name) => {
    const value = environment[name]
    return value === undefined ? [] : [[name, value] as const]
  })
  return {
    ...Object.fromEntries(inherited),
    PATH: [dirname(execPath), environment.PATH ?? '/usr/local/bin:/usr/bin:/bin'].join(delimiter),
  }
}
