// A control plane that kills itself at one boundary of a workflow: `--home DIR --trace FILE [--at BOUNDARY]`.
import { parseArgs } from 'node:util'
import { runControlProcess } from '../../src/control/run-process.ts'
import { crashPoint } from './crash-point.ts'

const { values } = parseArgs({
  options: { home: { type: 'string' }, trace: { type: 'string' }, at: { type: 'string' } },
})
const { home = '', trace = '/dev/null', at } = values
await runControlProcess({
  args: ['--home', home],
  environment: process.env,
  execPath: process.execPath,
  exit: (code) => process.exit(code),
  decorateWorkflows: crashPoint({ trace, ...(at === undefined ? {} : { at }) }),
})
