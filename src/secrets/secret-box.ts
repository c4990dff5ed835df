import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { mkdir, open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SluiceError } from '../model/error.ts'

/** AES-256-GCM under a key file. The context (environment and name) is authenticated: values cannot be swapped. */
export interface SecretBox {
  seal(value: string, context: string): Buffer
  /** Throws when the key is another one or the value was altered. */
  open(sealed: Buffer, context: string): string
}

const NONCE_BYTES = 12
const TAG_BYTES = 16

/** Opens the key file of the installation, making it (0600) the first time. */
export async function openSecretBox(directory: string): Promise<SecretBox> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const key = await readOrCreateKey(join(directory, 'key'))
  return {
    seal(value, context) {
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(context))
      const sealed = Buffer.concat([cipher.update(value, 'utf8'), cipher.final()])
      return Buffer.concat([nonce, cipher.getAuthTag(), sealed])
    },
    open(sealed, context) {
      const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE_BYTES))
        .setAAD(Buffer.from(context))
        .setAuthTag(sealed.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES))
      try {
        return decipher.update(sealed.subarray(NONCE_BYTES + TAG_BYTES)).toString('utf8') + decipher.final('utf8')
      } catch (cause) {
        throw new SluiceError('UNEXPECTED', `the secret ${context} cannot be decrypted`, {
          hint: `the key file ${join(directory, 'key')} is not the one it was encrypted with: restore it, or set the secret again`,
          cause,
        })
      }
    },
  }
}

async function readOrCreateKey(file: string): Promise<Buffer> {
  try {
    const handle = await open(file, 'wx', 0o600)
    try {
      const key = randomBytes(32)
      await handle.writeFile(key)
      await handle.sync()
      return key
    } finally {
      await handle.close()
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    const key = await readFile(file)
    if (key.length === 32) return key
    throw new SluiceError('UNEXPECTED', `the key file ${file} is damaged: ${key.length} bytes instead of 32`, {
      hint: 'restore it from a backup; without it the stored secrets cannot be read',
    })
  }
}
