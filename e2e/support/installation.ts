import { execFile } from 'node:child_process'
import { appendFile, chmod, copyFile, mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { removeFolder } from '../../src/support/remove-folder.ts'
import { freePort } from '../../src/support/testing/free-port.ts'

const app = resolve(import.meta.dirname, '../apps/app.mjs')
const call = promisify(execFile)
const signals = ['SIGINT', 'SIGTERM'] as const

export interface Answer {
  readonly code: number
  readonly document: Readonly<Record<string, unknown>>
  readonly milliseconds: number
}

export interface InstallationOptions {
  readonly edge?: 'node' | 'haproxy'
  /** Strategy per environment; each gets a port of its own. */
  readonly environments: Readonly<Record<string, unknown>>
  /** More keys of environments, such as `services` that they override. */
  readonly environmentKeys?: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  /** A certificate for every environment, which then has a port for HTTPS too. */
  readonly certificate?: { readonly host: string; readonly certFile: string; readonly keyFile: string }
  readonly instances?: number
  /** Folder of a Sluice, by default this one. */
  readonly checkout?: string
  /** Puts something into the home before its control plane is started. */
  readonly prepare?: (place: Pick<Installation, 'home' | 'project' | 'ports'>) => Promise<void>
  /** More keys of the document, such as its database. */
  readonly document?: Readonly<Record<string, unknown>>
  /** More services. */
  readonly services?: Readonly<Record<string, unknown>>
}

/** A home, a project with the test application, and the real command line on both; gone after `remove`. */
export interface Installation {
  readonly home: string
  /** The folder of the project. */
  readonly project: string
  readonly ports: Readonly<Record<string, number>>
  /** Of HTTPS; empty without a certificate. */
  readonly securePorts: Readonly<Record<string, number>>
  /** Another release: `switches` are those of the test application. */
  commit(switches?: Readonly<Record<string, string>>): Promise<void>
  /** From the next `commit` on; deploys read the file as it stands. */
  setStrategy(environment: string, strategy: unknown): Promise<void>
  /** More keys of the service, such as its build; from the next `commit` on. */
  setService(keys: Readonly<Record<string, unknown>>): Promise<void>
  sluice(...args: string[]): Promise<Answer>
  /** What people read; throws with it when the exit code is not 0. */
  print(...args: string[]): Promise<{ readonly stdout: string; readonly stderr: string }>
  controlPid(): Promise<number | null>
  remove(): Promise<void>
}

export async function installation(options: InstallationOptions): Promise<Installation> {
  const { edge = 'node', instances = 2, document = {}, services = {}, environmentKeys = {}, certificate } = options
  const bin = resolve(options.checkout ?? resolve(import.meta.dirname, '../..'), 'bin/sluice')
  const environments: Record<string, unknown> = { ...options.environments }
  let latest: Readonly<Record<string, string>> = {}
  let service: Readonly<Record<string, unknown>> = {}
  const root = await mkdtemp(join(tmpdir(), 'sluice-bench-'))
  // PostgreSQL does not run as root: where its user may enter, its files stay here and go with the rest.
  await chmod(root, 0o711)
  const [home, project] = [join(root, 'home'), join(root, 'project')]
  await mkdir(project)
  await copyFile(app, join(project, 'app.mjs'))
  const ports: Record<string, number> = {}
  const securePorts: Record<string, number> = {}
  for (const name of Object.keys(environments)) {
    ports[name] = await freePort()
    if (certificate !== undefined) securePorts[name] = await freePort()
  }
  let count = 0
  const env = { ...process.env, SLUICE_HOME: home, CI: 'true' }
  delete (env as NodeJS.ProcessEnv).DATABASE_URL

  const git = (...args: string[]) =>
    call('git', ['-c', 'user.name=bench', '-c', 'user.email=bench@localhost', ...args], { cwd: project })
  const edgeOf = (name: string) => ({
    http: ports[name],
    ...(certificate === undefined
      ? {}
      : {
          https: securePorts[name],
          redirect: false,
          certificates: [{ host: certificate.host, cert: certificate.certFile, key: certificate.keyFile }],
        }),
  })
  const writeConfig = () =>
    writeFile(
      join(project, 'sluice.config.json'),
      JSON.stringify({
        project: 'bench',
        services: {
          web: {
            kind: 'web',
            start: 'node app.mjs',
            health: '/health',
            instances,
            env: latest,
            drain: '5s',
            ...service,
          },
          ...services,
        },
        ...document,
        environments: Object.fromEntries(
          Object.entries(environments).map(([name, strategy]) => [
            name,
            { strategy, requireClean: false, edge: edgeOf(name), ...environmentKeys[name] },
          ]),
        ),
      }),
    )
  const commit = async (switches: Readonly<Record<string, string>> = {}) => {
    latest = switches
    await writeConfig()
    count += 1
    await appendFile(join(project, 'app.mjs'), `// release ${count}\n`)
    await git('add', '-A')
    await git('commit', '-qm', `release ${count}`)
  }
  const sluice = async (...args: string[]): Promise<Answer> => {
    const startedAt = performance.now()
    const finish = (code: number, stdout: string): Answer => ({
      code,
      document: JSON.parse(stdout || '{}') as Answer['document'],
      milliseconds: performance.now() - startedAt,
    })
    try {
      const { stdout } = await call(process.execPath, [bin, ...args, '--json'], { cwd: project, env, maxBuffer: 64e6 })
      return finish(0, stdout)
    } catch (error) {
      const { code, stdout } = error as { code: number; stdout: string }
      return finish(code, stdout)
    }
  }
  const remove = async () => {
    for (const signal of signals) process.off(signal, onSignal)
    const stopped = await sluice('down', '--all')
    if (stopped.code !== 0) process.stderr.write(`sluice down --all: ${JSON.stringify(stopped.document)}\n`)
    await removeFolder(root)
  }
  // What runs here outlives this process on purpose: an interrupted benchmark has to take it along.
  const onSignal = (signal: NodeJS.Signals) => void remove().finally(() => process.kill(process.pid, signal))
  for (const signal of signals) process.once(signal, onSignal)
  await git('init', '-q')
  await commit()
  await options.prepare?.({ home, project, ports })
  const started = await sluice('up', '--edge', edge)
  if (started.code !== 0) {
    await remove()
    throw new Error(`sluice up failed: ${JSON.stringify(started.document)}`)
  }
  return {
    home,
    project,
    ports,
    securePorts,
    commit,
    setStrategy: async (environment, strategy) => {
      environments[environment] = strategy
      await writeConfig()
    },
    setService: async (keys) => {
      service = keys
      await writeConfig()
    },
    sluice,
    print: (...args) => call(process.execPath, [bin, ...args], { cwd: project, env, maxBuffer: 64e6 }),
    controlPid: async () => {
      try {
        return (JSON.parse(await readFile(join(home, 'control', 'control.json'), 'utf8')) as { pid: number }).pid
      } catch {
        return null
      }
    },
    remove,
  }
}

export function must(answer: Answer, status: string): Answer {
  if (answer.document.status !== status) {
    throw new Error(`expected ${status}, got exit code ${answer.code}: ${JSON.stringify(answer.document)}`)
  }
  return answer
}

/** `--runs 5` out of arguments. */
export function numberOption(args: readonly string[], name: string, fallback: number): number {
  const index = args.indexOf(`--${name}`)
  return index === -1 ? fallback : Number(args[index + 1])
}
