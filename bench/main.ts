import { readdir } from 'node:fs/promises'
import { machineFacts } from './support/machine-facts.ts'

/** One benchmark: `bench/<name>/bench.ts` exports it as `bench`. */
interface Bench {
  readonly name: string
  readonly description: string
  run(args: string[]): Promise<void>
}

/** `npm run bench` lists the benchmarks, `npm run bench -- NAME …` runs one. */
async function main([name, ...args]: string[]): Promise<number> {
  const benches = await findBenches()
  const chosen = benches.find((bench) => bench.name === name)
  if (chosen !== undefined) {
    try {
      if (!args.includes('--json')) process.stdout.write(`${await machineFacts()}\n`)
      await chosen.run(args)
      return 0
    } catch (error) {
      process.stderr.write(`bench ${chosen.name}: ${error instanceof Error ? error.message : String(error)}\n`)
      return 2
    }
  }
  if (name !== undefined) process.stderr.write(`there is no benchmark ${name}\n`)
  const width = Math.max(...benches.map((bench) => bench.name.length))
  for (const { name: known, description } of benches) {
    process.stdout.write(`npm run bench -- ${known.padEnd(width)}   ${description}\n`)
  }
  return name === undefined ? 0 : 2
}

async function findBenches(): Promise<readonly Bench[]> {
  const folders = await readdir(new URL('.', import.meta.url), { withFileTypes: true })
  const found: Bench[] = []
  for (const folder of folders.filter((entry) => entry.isDirectory())) {
    const files = await readdir(new URL(`${folder.name}/`, import.meta.url))
    if (!files.includes('bench.ts')) continue
    const { bench } = (await import(new URL(`${folder.name}/bench.ts`, import.meta.url).href)) as { bench: Bench }
    found.push(bench)
  }
  return found.sort((a, b) => a.name.localeCompare(b.name))
}

process.exitCode = await main(process.argv.slice(2))
