import { readFile } from 'node:fs/promises'
import { ApiClient } from '../api/client/client.ts'
import { SluiceError } from '../model/error.ts'
import { messageOf } from '../support/message-of.ts'
import { credentialsIn } from './credentials.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** The address of a control plane elsewhere: `--url`, else `SLUICE_URL`; null: the one of this machine is meant. */
export function remoteUrl(given: string | undefined, { SLUICE_URL }: Environment): string | null {
  const text = given ?? SLUICE_URL ?? ''
  return text === '' ? null : controlUrl(text)
}

/** As it is written everywhere: no slash at its end. Throws `USAGE`. */
export function controlUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.search === '' && url.hash === '') {
    return url.href.replace(/\/$/, '')
  }
  throw new SluiceError('USAGE', `${text} is no address of a control plane`, {
    hint: 'such as https://deploy.example.com:8443',
  })
}

/** A client of the control plane at the address, with the token of `SLUICE_TOKEN` or the one of `sluice login`. */
export async function remoteClient(url: string, label: string, environment: Environment): Promise<ApiClient> {
  const given = environment.SLUICE_TOKEN?.trim() ?? ''
  const token = given === '' ? await credentialsIn(environment).find(url) : given
  if (token === null) {
    throw new SluiceError('UNAUTHORIZED', `no token is known for ${url}`, {
      hint: `log in with \`sluice login ${url}\`, or set SLUICE_TOKEN`,
    })
  }
  return clientWith(url, token, label, environment)
}

export async function clientWith(
  url: string,
  token: string,
  label: string,
  environment: Environment,
): Promise<ApiClient> {
  const ca = await authorityOf(environment)
  return new ApiClient({ address: { url, token, label }, ...(ca === null ? {} : { ca }) })
}

/** `NODE_EXTRA_CA_CERTS` is heeded by Node itself. */
async function authorityOf({ SLUICE_CA = '' }: Environment): Promise<string | null> {
  if (SLUICE_CA === '') return null
  try {
    return await readFile(SLUICE_CA, 'utf8')
  } catch (error) {
    throw new SluiceError('USAGE', `SLUICE_CA names ${SLUICE_CA}, which cannot be read: ${messageOf(error)}`, {
      hint: 'name a PEM file with the certificate of the authority',
      cause: error,
    })
  }
}
