import { testEdge } from '../edge.contract.ts'
import { startNodeEdge } from './start.ts'

testEdge({ name: 'Node', create: ({ directory }) => startNodeEdge({ directory }) })
