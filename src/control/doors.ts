import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Api, type Door, type ServedApi, serveApi } from '../api/index.ts'
import { SluiceError } from '../model/error.ts'
import { writeFileAtomic } from '../support/atomic-file.ts'
import type { Home } from '../support/home.ts'
import type { Log } from '../support/log.ts'
import { watchCertificate } from './certificate.ts'
import { type ListenSettings, listenUrl } from './listen-settings.ts'

/** The door of this machine, at the port that it had before: addresses that people noted stay true. */
export async function openLocalDoor(api: Api, home: Home): Promise<ServedApi> {
  const file = join(home.control, 'port')
  const remembered = Number(await readFile(file, 'utf8').catch(() => ''))
  const served = await serveApi({ api, host: '127.0.0.1', port: isPort(remembered) ? remembered : 0 }).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EADDRINUSE' && error.code !== 'EACCES') throw error
      return serveApi({ api, host: '127.0.0.1', port: 0 })
    },
  )
  if (served.port !== remembered) await writeFileAtomic(file, String(served.port))
  return served
}

/** The door for other machines. Throws `PORT_TAKEN` and `CERTIFICATE_INVALID`. */
export async function openPublicDoor(
  api: Api,
  settings: ListenSettings,
  log: Log,
): Promise<{ close(): Promise<void> }> {
  const { host, port, names } = settings
  const certificate = settings.certificate === null ? null : await watchCertificate(settings.certificate, log)
  const door: Door = {
    kind: 'public',
    isNamed: (name) => names.includes(name.toLowerCase()) || certificate?.isNamed(name) === true,
  }
  try {
    const served = await serveApi({ api, host, port, door, ...(certificate === null ? {} : { certificate }) })
    log.info(`listens for other machines at ${listenUrl(settings)}`)
    return {
      close: async () => {
        certificate?.stop()
        await served.close()
      },
    }
  } catch (error) {
    certificate?.stop()
    const { code, message } = error as NodeJS.ErrnoException
    throw new SluiceError('PORT_TAKEN', `cannot listen on ${host}:${port}: ${code ?? message}`, {
      hint: 'free the port, or choose another with `sluice up --listen`; `--listen off` gives it up',
      cause: error,
    })
  }
}

function isPort(value: number): boolean {
  return Number.isInteger(value) && value > 0 && value < 65_536
}
