import { testEdge } from '../edge.contract.ts'
import { startNodeEdge } from './start-node-edge.ts'

testEdge({ name: 'Node', create: ({ directory }) => startNodeEdge({ directory }) })
