import { expect, test } from 'vitest'
import { findSystemUser, userToRunAs, userVariables } from './system-user.ts'

const passwd = 'root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:34:www:/var/www:/usr/sbin/nologin\n'

test('a user is found by name, by number, and with another group', () => {
  const www = { name: 'www-data', uid: 33, gid: 34, home: '/var/www' }
  expect(findSystemUser('www-data', passwd)).toEqual(www)
  expect(findSystemUser('33', passwd)).toEqual(www)
  expect(findSystemUser('33:100', passwd)).toEqual({ ...www, gid: 100 })
  expect(findSystemUser('1234', passwd)).toEqual({ name: '1234', uid: 1234, gid: 1234, home: '/' })
  expect(findSystemUser('nobody', passwd)).toBeNull()
})

test('only root becomes somebody else, and nobody becomes who is not there', () => {
  const service = (user?: string) => ({ name: 'web', ...(user === undefined ? {} : { user }) })
  expect(userToRunAs(service(), { uid: 0, passwd })).toBeUndefined()
  expect(userToRunAs(service('www-data'), { uid: 0, passwd })).toMatchObject({ uid: 33 })
  expect(userToRunAs(service('www-data'), { uid: 33, passwd })).toBeUndefined()
  expect(() => userToRunAs(service('www-data'), { uid: 1000, passwd })).toThrow('only root can run web as www-data')
  expect(() => userToRunAs(service('ann'), { uid: 0, passwd })).toThrow('has no user ann')
})

test('a program is told who it is', () => {
  const user = findSystemUser('www-data', passwd)
  expect(user === null ? null : userVariables(user)).toEqual({
    HOME: '/var/www',
    USER: 'www-data',
    LOGNAME: 'www-data',
  })
})
