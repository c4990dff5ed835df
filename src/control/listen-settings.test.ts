import { expect, test } from 'vitest'
import { listenUrl, parseListen } from './listen-settings.ts'

const tls = { tlsCert: 'cert.pem', tlsKey: '/etc/key.pem' }

test('an address with a certificate is listened on, and is called by its own name and those that are given', () => {
  expect(parseListen({ listen: '0.0.0.0:8443', ...tls, host: 'Deploy.example, b.example' }, '/srv')).toEqual({
    host: '0.0.0.0',
    port: 8443,
    certificate: { certFile: '/srv/cert.pem', keyFile: '/etc/key.pem' },
    names: ['deploy.example', 'b.example'],
  })
  const six = parseListen({ listen: '[::1]:8443', ...tls }, '/')
  expect(six).toMatchObject({ host: '::1', names: ['[::1]'] })
  expect(six === null || six === 'off' ? '' : listenUrl(six)).toBe('https://[::1]:8443')
  expect(parseListen({}, '/')).toBeNull()
  expect(parseListen({ listen: 'off' }, '/')).toBe('off')
})

test('without a certificate only this machine is listened for, unless somebody insists', () => {
  expect(parseListen({ listen: '127.0.0.1:8080', host: 'deploy.example' }, '/')).toMatchObject({ certificate: null })
  expect(parseListen({ listen: '10.0.0.5:8080', insecureHttp: true }, '/')).toMatchObject({ names: ['10.0.0.5'] })
  for (const listen of ['0.0.0.0:8080', '10.0.0.5:8080', '[::]:8080', 'deploy.example:8080']) {
    expect(() => parseListen({ listen }, '/'), listen).toThrow('unencrypted')
  }
})

test('what does not make sense is refused with a cure', () => {
  for (const options of [
    { listen: '8443' },
    { listen: ':8443' },
    { listen: '0.0.0.0:0', ...tls },
    { listen: '0.0.0.0:70000', ...tls },
    { listen: '0.0.0.0:8443', tlsCert: 'c' },
    { listen: '0.0.0.0:8443', insecureHttp: true },
    { tlsCert: 'c', tlsKey: 'k' },
    { host: 'a.example' },
  ]) {
    expect(() => parseListen(options, '/'), JSON.stringify(options)).toThrow(
      expect.objectContaining({ code: 'USAGE', hint: expect.any(String) }),
    )
  }
})
