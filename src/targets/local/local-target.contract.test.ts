import { testTarget } from '../target.contract.ts'
import { localWorld } from './testing/local-world.ts'

testTarget({
  name: 'local, with the plain edge of its own tests',
  create: () => localWorld(),
  skip: [
    {
      test: 'retire ends WebSockets with a goodbye, and does not wait for the drain to pass',
      reason: 'the plain edge passes no upgrade; e2e/local-target-edges.test.ts has both real edges',
    },
    {
      test: 'while all instances are killed, requests wait for them to come back, and none fails',
      reason: 'the plain edge holds no request; e2e/local-target-edges.test.ts has both real edges',
    },
  ],
})
