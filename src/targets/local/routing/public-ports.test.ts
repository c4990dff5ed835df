import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import type { EdgeSettings } from '../../../edge/edge-settings.ts'
import { portsInMemory, resolveHttpPort } from './public-ports.ts'

const edge = (ports: Partial<EdgeSettings> = {}) =>
  ({ httpPort: null, httpsPort: null, redirectToHttps: false, ...ports }) as EdgeSettings

test('a port is chosen once per environment and stays, also when somebody else is on it by now', async () => {
  const ports = portsInMemory()
  const first = await resolveHttpPort('shop.a', edge(), ports)
  expect(await resolveHttpPort('shop.b', edge(), ports)).not.toBe(first)
  expect(await resolveHttpPort('shop.a', edge(), ports)).toBe(first)
})

test('a port that is taken is not chosen', async () => {
  const stranger = createServer()
  await new Promise<void>((go) => stranger.listen(0, '127.0.0.1', go))
  const { port } = stranger.address() as AddressInfo
  const range = { first: port, last: port }
  await expect(resolveHttpPort('shop.a', edge(), portsInMemory(), range)).rejects.toMatchObject({ code: 'NO_PORT' })
  stranger.close()
})

test('where all ports are chosen the key to set is named', async () => {
  const ports = portsInMemory()
  await ports.remember('shop.a', 8500)
  await expect(resolveHttpPort('shop.b', edge(), ports, { first: 8500, last: 8500 })).rejects.toMatchObject({
    code: 'NO_PORT',
    message: 'no port from 8500 to 8500 is free for the public listener',
    hint: 'name one in the configuration: edge: { http: 80 }',
  })
})

test('a configured port is taken as it is, and HTTPS alone needs none for HTTP', async () => {
  expect(await resolveHttpPort('shop.a', edge({ httpPort: 80 }), portsInMemory())).toBe(80)
  expect(await resolveHttpPort('shop.a', edge({ httpsPort: 443 }), portsInMemory())).toBeNull()
})
