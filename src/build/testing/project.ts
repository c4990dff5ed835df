import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { BuildService } from '../../model/build-service.ts'
import { homeAt } from '../../support/home.ts'
import { silentLog } from '../../support/log.ts'
import { removeFolder } from '../../support/remove-folder.ts'
import { run } from '../../support/run.ts'
import type { BuildRequest } from '../builder.ts'
import { fileArtifactStore } from '../file-artifact-store.ts'
import { type LocalBuilderOptions, localBuilder } from '../local-builder.ts'

/** A project, a home and a builder in a temporary folder. */
export async function makeWorkshop(more: Partial<LocalBuilderOptions> & { readonly root?: string } = {}) {
  const root = more.root ?? (await mkdtemp(join(tmpdir(), 'sluice-build-')))
  const project = join(root, 'project')
  const home = homeAt(join(root, 'home'))
  await mkdir(project)
  const artifacts = fileArtifactStore({ directory: home.artifacts, trees: home.trees, protectMs: 0 })
  const { PATH, HOME } = process.env
  const environment = { PATH, HOME, SECRET_OF_THE_SHELL: 'hush' }
  const lines: string[] = []
  return {
    root,
    project,
    home,
    artifacts,
    lines,
    builder: localBuilder({ artifacts, home, log: silentLog, environment, ...more }),
    write: (files: Readonly<Record<string, string>>) => writeFiles(project, files),
    git: (...args: string[]) => gitIn(project, args),
    commit: async (subject = 'change') => {
      await gitIn(project, ['init', '-q', '-b', 'main'])
      await gitIn(project, ['add', '-A'])
      await gitIn(project, ['commit', '-q', '-m', subject])
      return gitIn(project, ['rev-parse', 'HEAD'])
    },
    request: (wanted: Partial<BuildRequest> & { service?: Partial<BuildService> } = {}): BuildRequest => {
      const { service, ...rest } = wanted
      return {
        projectDir: project,
        commit: null,
        dirty: false,
        artifactDir: null,
        services: [{ name: 'web', directory: '', install: 'auto', ...service }],
        env: {},
        timeoutMs: 120_000,
        maxBytes: 100_000_000,
        signal: new AbortController().signal,
        onLine: (line) => lines.push(line),
        ...rest,
      }
    },
    remove: () => removeFolder(root),
  }
}

export type Workshop = Awaited<ReturnType<typeof makeWorkshop>>

async function writeFiles(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), content)
  }
}

async function gitIn(cwd: string, args: readonly string[]): Promise<string> {
  const who = ['-c', 'user.name=Tester', '-c', 'user.email=tester@example.com', '-c', 'commit.gpgsign=false']
  const result = await run(['git', ...who, ...args], { cwd, timeoutMs: 30_000 })
  if (result.code !== 0) throw new Error(result.stderr)
  return result.stdout.trim()
}
