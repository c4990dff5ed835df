import { describe, expect, test } from 'vitest'
import { routeIndex } from './route-index.ts'

const index = routeIndex([
  { route: { path: '/' }, target: 'any' },
  { route: { path: '/api' }, target: 'any-api' },
  { route: { host: 'shop.example', path: '/cart' }, target: 'shop-cart' },
  { route: { host: 'shop.example', path: '/cart/pay/' }, target: 'shop-pay' },
])

describe('matching a request to a route', () => {
  test.each([
    ['other.example', '/', 'any'],
    [undefined, '/x', 'any'],
    ['other.example', '/api/users', 'any-api'],
    ['other.example', '/api?x=1', 'any-api'],
    ['other.example', '/apiary', 'any'],
    ['shop.example', '/cart', 'shop-cart'],
    ['SHOP.example.:8443', '/cart/pay', 'shop-pay'],
    ['shop.example', '/cart/pay/now', 'shop-pay'],
    ['shop.example', '/cart/payment', 'shop-cart'],
    ['shop.example', '/elsewhere', 'any'],
  ])('%s%s goes to the longest prefix by whole segments', (host, path, target) => {
    expect(index.match(host, path)).toBe(target)
  })

  test('a host without a route for the path and no route for any host matches nothing', () => {
    const one = routeIndex([{ route: { host: 'a.example', path: '/x' }, target: 1 }])
    expect(one.match('a.example', '/y')).toBeNull()
    expect(one.match('b.example', '/x')).toBeNull()
    expect(one.match('[::1]:80', '/x')).toBeNull()
  })
})
