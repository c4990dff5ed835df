// Entry of the control plane's own process. Users are served by other processes: this one may be killed at any instant.
import { runControlProcess } from './run-process.ts'

await runControlProcess({
  args: process.argv.slice(2),
  environment: process.env,
  execPath: process.execPath,
  exit: (code) => process.exit(code),
})
