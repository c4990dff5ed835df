import { SluiceError } from '../../model/error.ts'
import type { Context, Handler } from '../command.ts'
import { credentialsIn } from '../credentials.ts'
import { clientWith, controlUrl } from '../remote.ts'

export const login: Handler<{ url: string }> = async ({ args }, context) => {
  const url = controlUrl(args.url)
  const token = await tokenFrom(context, url)
  if (!/^[\x21-\x7e]{8,512}$/.test(token)) {
    throw new SluiceError('USAGE', 'that is no token', { hint: 'it is one word, such as sluice_…' })
  }
  if (url.startsWith('http:') && !/^http:\/\/(?:localhost|127\.|\[::1\])/.test(url)) {
    context.say(`note: ${url} is not encrypted: whoever is on the way can read the token`)
  }
  const client = await clientWith(url, token, context.label, context.environment)
  const { version } = await client.control(context.interrupted)
  const credentials = credentialsIn(context.environment)
  await credentials.keep(url, token)
  return {
    json: { status: 'ok', url, version, file: credentials.file },
    text: `logged in at ${url} (control plane ${version}); use it with SLUICE_URL=${url} or --url ${url}`,
  }
}

export const logout: Handler<{ url: string }> = async ({ args }, context) => {
  const url = controlUrl(args.url)
  const wasThere = await credentialsIn(context.environment).forget(url)
  return {
    json: { status: 'ok', url, forgotten: wasThere },
    text: wasThere ? `the token of ${url} is forgotten here; it stays valid there` : `no token of ${url} was kept`,
  }
}

async function tokenFrom(context: Context, url: string): Promise<string> {
  const piped = await context.readInput()
  if (piped !== null) return piped.trim()
  if (context.isInteractive) return (await context.askSecret(`Token of ${url}`)).trim()
  throw new SluiceError('USAGE', `no token for ${url} came on standard input`, {
    hint: `sluice login ${url} < token; it is in control/token below SLUICE_HOME on its machine`,
  })
}
