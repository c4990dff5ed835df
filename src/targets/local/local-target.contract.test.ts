import { testTarget } from '../target.contract.ts'
import { localWorld } from './testing/local-world.ts'

testTarget({ name: 'local, with the plain edge of its own tests', create: () => localWorld() })
