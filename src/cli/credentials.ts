import { mkdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { SluiceError } from '../model/error.ts'
import { writeFileAtomic } from '../support/atomic-file.ts'

/** Tokens of control planes elsewhere, by address; readable by their user alone. */
export interface Credentials {
  find(url: string): Promise<string | null>
  keep(url: string, token: string): Promise<void>
  /** False: there was none. */
  forget(url: string): Promise<boolean>
  readonly file: string
}

export function credentialsIn(environment: Readonly<Record<string, string | undefined>>): Credentials {
  const { HOME = '/', XDG_CONFIG_HOME, APPDATA } = environment
  const folder = filled(XDG_CONFIG_HOME) ?? filled(APPDATA) ?? join(HOME, '.config')
  const file = join(folder, 'sluice', 'credentials.json')
  const write = async (tokens: Readonly<Record<string, string>>) => {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 })
    await writeFileAtomic(file, `${JSON.stringify({ v: 1, tokens }, null, 2)}\n`, { mode: 0o600 })
  }
  return {
    file,
    find: async (url) => (await read(file))[url] ?? null,
    keep: async (url, token) => write({ ...(await read(file)), [url]: token }),
    forget: async (url) => {
      const { [url]: token, ...others } = await read(file)
      if (token !== undefined) await write(others)
      return token !== undefined
    },
  }
}

async function read(file: string): Promise<Readonly<Record<string, string>>> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '{}'
    throw error
  })
  try {
    const { tokens = {} } = JSON.parse(text) as { readonly tokens?: Record<string, string> }
    return tokens
  } catch (error) {
    throw new SluiceError('USAGE', `${file} is not JSON`, {
      hint: 'remove it, and log in again with `sluice login`',
      cause: error,
    })
  }
}

function filled(value: string | undefined): string | undefined {
  return value === '' ? undefined : value
}
