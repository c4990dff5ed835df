// A program with one durable workflow, in two versions of its code: `node versioned-program.ts VERSION DATABASE_URL FILE [ID …]`.
// Version 2 has two steps more. Lines of FILE tell which steps ran; a run waits after `second` until FILE.go exists.
import { appendFileSync, existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { dbosWorkflows } from '../workflows/dbos-workflows.ts'

const [version, databaseUrl = '', file = '', ...starts] = process.argv.slice(2)
const tell = (line: string) => appendFileSync(file, `${line}\n`)
const workflows = dbosWorkflows({ databaseUrl, log: { warn: tell, error: tell } })

workflows.register<string>('job', async (flow, id) => {
  await flow.step('first', () => ran(id, 'first'))
  if (version === '2' && (await flow.isPatched('step between'))) await flow.step('between', () => ran(id, 'between'))
  await flow.step('second', () => ran(id, 'second'))
  await flow.step('wait', async () => {
    tell(`${id} waits in version ${version}`)
    while (!existsSync(`${file}.go`)) await sleep(20)
  })
  if (version === '2' && (await flow.isPatched('step after'))) await flow.step('after', () => ran(id, 'after'))
  await flow.step('last', () => ran(id, 'last'))
  tell(`${id} ended in version ${version}`)
})

async function ran(id: string, step: string): Promise<void> {
  tell(`${id} ${step}`)
}

await workflows.launch()
tell(`version ${version} is up`)
for (const id of starts) await workflows.start('job', id, id)
process.on('SIGTERM', () => void Promise.race([workflows.shutdown(), sleep(2000)]).then(() => process.exit(0)))
