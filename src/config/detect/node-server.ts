import type { DetectedApp, Detector } from './detector.ts'
import { healthPathIn } from './health.ts'
import type { ProjectFolder } from './project-folder.ts'

const frameworks: readonly (readonly [string, string])[] = [
  ['next', 'Next.js'],
  ['nuxt', 'Nuxt'],
  ['@nestjs/core', 'NestJS'],
  ['fastify', 'Fastify'],
  ['hono', 'Hono'],
  ['express', 'Express'],
  ['koa', 'Koa'],
  ['@hapi/hapi', 'hapi'],
]
const stems = ['server', 'index', 'app', 'main', 'src/server', 'src/index', 'src/app', 'src/main']
const endings = ['js', 'mjs', 'cjs', 'ts', 'mts', 'cts']

/** A server that Node runs: a known framework, or a start script. */
export const nodeServer: Detector = {
  name: 'node-server',
  async detect(folder) {
    const framework = frameworks.find(([name]) => folder.packages[name] !== undefined)
    const pnp = await plugAndPlay(folder)
    const start = startCommand(folder, framework?.[0], pnp)
    if (framework === undefined && folder.scripts.start === undefined && !(await listens(folder))) return null
    return describe(folder, framework?.[1] ?? 'Node.js', start, pnp)
  },
}

async function describe(
  folder: ProjectFolder,
  framework: string,
  start: string | null,
  pnp: string | null,
): Promise<DetectedApp> {
  const sources = await folder.sources(endings.map((end) => `.${end}`))
  const health = healthPathIn(sources)
  const ownsPort = framework === 'Next.js' || framework === 'Nuxt'
  const readsPort = ownsPort || sources.some(({ text }) => /\bPORT\b/.test(text))
  const build = folder.scripts.build === undefined ? {} : { build: { command: folder.script('build') } }
  return {
    framework,
    service: 'web',
    settings: { kind: 'web', ...build, start: start ?? 'node server.js', ...(health === null ? {} : { health }) },
    todo: [
      ...(start === null ? ['set services.web.start to the command that starts the server'] : []),
      ...(readsPort
        ? []
        : ['let the server listen on the port that the variable PORT names: each instance gets a port of its own']),
      ...developmentProgram(folder, start),
      ...(pnp !== null && start?.includes(pnp) === false
        ? [
            'write nodeLinker: node-modules into .yarnrc.yml and run yarn install: the start command finds no packages else',
          ]
        : []),
    ],
    notes: health === null ? ['no health path was found: an instance counts as ready once it accepts connections'] : [],
  }
}

/** The program itself rather than a package manager around it: signals and exit codes are then its own. */
function startCommand(folder: ProjectFolder, framework: string | undefined, pnp: string | null): string | null {
  const script = folder.scripts.start
  if (framework === 'next') return './node_modules/.bin/next start -H "$HOST" -p "$PORT"'
  if (framework === 'nuxt') return 'node .output/server/index.mjs'
  if (script !== undefined) {
    return scriptCommand(folder, script, pnp) ?? folder.script('start', 'npm')
  }
  const entry = [folder.main, ...stems.flatMap((stem) => endings.map((end) => `${stem}.${end}`))].find(
    (file) => file !== null && folder.has(file),
  )
  return entry === undefined || entry === null ? null : `${pnp ?? 'node'} ${entry}`
}

/** One program with its arguments, after variables of its own; null where a shell's or npm's help is needed. */
function scriptCommand(folder: ProjectFolder, script: string, pnp: string | null): string | null {
  const [, variables = '', program = '', rest = ''] =
    /^((?:\w+=[\w./:-]*\s+)*)([\w@.-]+)((?:\s[^&|;]*)?)$/.exec(script.trim()) ?? []
  if (/--watch/.test(rest) || ['prestart', 'poststart'].some((name) => folder.scripts[name] !== undefined)) return null
  if (program === 'node') return `${variables}${pnp ?? 'node'}${rest}`
  const isPackage = folder.packages[program] !== undefined && pnp === null
  return isPackage ? `${variables}./node_modules/.bin/${program}${rest}` : null
}

/** Yarn without node_modules, its default since version 2: how Node is told where packages are. Null: not so here. */
async function plugAndPlay(folder: ProjectFolder): Promise<string | null> {
  if (folder.manager !== 'yarn' || (await folder.read('yarn.lock'))?.includes('# yarn lockfile v1') !== false)
    return null
  if (/^nodeLinker:\s*["']?(?:node-modules|pnpm)\b/m.test((await folder.read('.yarnrc.yml')) ?? '')) return null
  return folder.has('.pnp.loader.mjs')
    ? 'node -r ./.pnp.cjs --experimental-loader ./.pnp.loader.mjs'
    : 'node -r ./.pnp.cjs'
}

/** A server without any framework, such as one on `node:http`. */
async function listens(folder: ProjectFolder): Promise<boolean> {
  if (!folder.has('package.json')) return false
  const entries = stems.flatMap((stem) => endings.map((end) => `${stem}.${end}`)).filter((file) => folder.has(file))
  const texts = await Promise.all(entries.map((file) => folder.read(file)))
  return texts.some((text) => /createServer\(|\.listen\(/.test(text ?? ''))
}

/** `tsx server.ts` with tsx among the development packages: these are no part of what is deployed. */
function developmentProgram(folder: ProjectFolder, start: string | null): readonly string[] {
  if (start === null) return []
  const program = /^(?:\w+=\S*\s+)*([\w@.-]+)/.exec(folder.scripts.start ?? '')?.[1]
  const isDevelopmentOnly =
    program !== undefined && folder.packages[program] !== undefined && folder.productionPackages[program] === undefined
  return isDevelopmentOnly
    ? [`move ${program} from devDependencies to dependencies: the start script runs it in production`]
    : []
}
