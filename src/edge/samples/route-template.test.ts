import { expect, test } from 'vitest'
import { routeTemplate, routeTemplates } from './route-template.ts'

test.each([
  ['/', '/'],
  ['/posts', '/posts'],
  ['/posts/42', '/posts/:id'],
  ['/posts/42/comments/7?page=2', '/posts/:id/comments/*'],
  ['/u/0b9f3a1e-27f4-4c0c-9d0c-5b8f0d7f3c55', '/u/:id'],
  ['/blobs/deadbeef42', '/blobs/:id'],
  ['/decade/facade', '/decade/facade'],
  ['/feedback', '/feedback'],
  ['/_app/immutable/chunks/a.js', '/_app/immutable/chunks/*'],
])('the route template of %s is %s', (path, template) => {
  expect(routeTemplate(path)).toBe(template)
})

test('a path counts under * until it is admitted, and names run out', () => {
  const templates = routeTemplates(2)
  expect(templates.of('/a/1')).toBe('*')
  templates.admit('/a/1')
  templates.admit('/b')
  templates.admit('/c')
  expect(['/a/2', '/b', '/c'].map((path) => templates.of(path))).toEqual(['/a/:id', '/b', '*'])
})
