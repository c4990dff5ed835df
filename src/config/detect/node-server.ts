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
    const start = startCommand(folder, framework?.[0])
    if (framework === undefined && folder.scripts.start === undefined && !(await listens(folder))) return null
    return describe(folder, framework?.[1] ?? 'Node.js', start)
  },
}

async function describe(folder: ProjectFolder, framework: string, start: string | null): Promise<DetectedApp> {
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
    ],
    notes: health === null ? ['no health path was found: an instance counts as ready once it accepts connections'] : [],
  }
}

/** The program itself rather than a package manager around it: signals and exit codes are then its own. */
function startCommand(folder: ProjectFolder, framework: string | undefined): string | null {
  const script = folder.scripts.start
  if (framework === 'next') return './node_modules/.bin/next start -H "$HOST" -p "$PORT"'
  if (framework === 'nuxt') return 'node .output/server/index.mjs'
  if (script !== undefined) {
    const isPlain = /^node\s+[^&|;]+$/.test(script) && !/--watch/.test(script)
    return isPlain ? script.trim() : folder.script('start')
  }
  const entry = [folder.main, ...stems.flatMap((stem) => endings.map((end) => `${stem}.${end}`))].find(
    (file) => file !== null && folder.has(file),
  )
  return entry === undefined || entry === null ? null : `node ${entry}`
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
  const program = /^\S+/.exec(start === folder.script('start') ? (folder.scripts.start ?? '') : '')?.[0]
  const isDevelopmentOnly =
    program !== undefined && folder.packages[program] !== undefined && folder.productionPackages[program] === undefined
  return isDevelopmentOnly
    ? [`move ${program} from devDependencies to dependencies: the start script runs it in production`]
    : []
}
