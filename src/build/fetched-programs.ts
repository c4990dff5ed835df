import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Installer } from './installer.ts'

/**
 * A package manager that npm fetches for the installation has to be there for the project's own commands too
 * (`pnpm run build`). Written into a folder at the end of PATH: one that is installed wins. `directory` and `caches` are
 * absolute.
 */
export async function provideFetchedPrograms(
  installers: readonly Installer[],
  { directory, caches }: { readonly directory: string; readonly caches: string },
): Promise<void> {
  for (const { name, program, folder } of installers) {
    const [first, ...rest] = program
    if (first === name || name === 'pip') continue
    const argv = [first, ...rest].map((part) =>
      quoted(part === rest[0] && first === 'node' ? join(folder, part) : part),
    )
    await mkdir(directory, { recursive: true })
    const file = join(directory, name)
    await writeFile(
      file,
      `#!/bin/sh\nexport npm_config_cache=${quoted(join(caches, 'npm'))} npm_config_prefer_offline=true\nexec ${argv.join(' ')} "$@"\n`,
    )
    await chmod(file, 0o755)
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
