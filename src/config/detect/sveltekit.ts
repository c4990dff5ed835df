import type { WebConfig } from '../document.ts'
import type { DetectedApp, Detector } from './detector.ts'
import type { ProjectFolder } from './project-folder.ts'

const viteFiles = ['vite.config.ts', 'vite.config.js', 'vite.config.mts', 'vite.config.mjs']
const svelteFiles = ['svelte.config.js', 'svelte.config.ts', 'svelte.config.mjs']
const healthRoutes = ['health', 'healthz', 'livez', 'api/health', 'api/healthz']

/** SvelteKit 2 (svelte.config.js) and 3 (vite.config only). */
export const sveltekit: Detector = {
  name: 'sveltekit',
  async detect(folder) {
    if (folder.packages['@sveltejs/kit'] === undefined) return null
    const version = await majorVersion(folder)
    const settings = await configuration(folder)
    const adapter = /@sveltejs\/adapter-([a-z0-9-]+)/.exec(settings)?.[1] ?? null
    const framework = `SvelteKit ${version ?? ''}`.trim()
    if (adapter === 'static') return staticSite(folder, settings, framework)
    return {
      framework: `${framework} with adapter-node`,
      service: 'web',
      settings: await webService(folder, settings),
      todo:
        adapter === 'node' && 'adapter-node' in shortNames(folder)
          ? []
          : await missingAdapter(folder, adapter, version),
      notes: [],
    }
  },
}

async function webService(folder: ProjectFolder, settings: string): Promise<WebConfig> {
  const options = adapterOptions(settings)
  const output = literal(options, 'out') ?? 'build'
  const base = basePath(settings)
  const appDir = literal(settings, 'appDir') ?? '_app'
  const prefix = literal(options, 'envPrefix') ?? ''
  const health = await healthPath(folder)
  const program = `node ${output}/index.js`
  return {
    kind: 'web',
    build: {
      command: folder.scripts.build === undefined ? 'vite build' : folder.script('build'),
      output: [output, 'package.json'],
    },
    // With a prefix of its own the application looks for nothing that is called PORT.
    start: prefix === '' ? program : `${prefix}HOST="$HOST" ${prefix}PORT="$PORT" exec ${program}`,
    ...(health === null ? {} : { health: `${base}${health}` }),
    assets: { path: `${base}/${appDir}/immutable`, directory: `${output}/client${base}/${appDir}/immutable` },
    env: {
      [`${prefix}PROTOCOL_HEADER`]: 'x-forwarded-proto',
      [`${prefix}HOST_HEADER`]: 'x-forwarded-host',
      [`${prefix}KEEP_ALIVE_TIMEOUT`]: '120',
    },
  }
}

async function staticSite(folder: ProjectFolder, settings: string, framework: string): Promise<DetectedApp> {
  const options = adapterOptions(settings)
  const output = literal(options, 'pages') ?? 'build'
  const fallback = literal(options, 'fallback')
  const appDir = literal(settings, 'appDir') ?? '_app'
  return {
    framework: `${framework} with adapter-static`,
    service: 'web',
    settings: {
      kind: 'static',
      build: {
        command: folder.scripts.build === undefined ? 'vite build' : folder.script('build'),
        output: [output, '!node_modules'],
      },
      root: output,
      ...(fallback === null ? {} : { fallback }),
      assets: { path: `/${appDir}/immutable`, directory: `${output}/${appDir}/immutable` },
    },
    todo: [],
    notes: [],
  }
}

async function missingAdapter(folder: ProjectFolder, adapter: string | null, version: number | null) {
  const install = { npm: 'npm install -D', pnpm: 'pnpm add -D', yarn: 'yarn add -D', bun: 'bun add -d' }[folder.manager]
  // The newest adapter is for SvelteKit 3 alone.
  const range = version === 2 ? '@5' : ''
  const steps = adapter === 'node' ? [] : [await adapterStep(folder, adapter, version)]
  return 'adapter-node' in shortNames(folder) ? steps : [`run: ${install} @sveltejs/adapter-node${range}`, ...steps]
}

async function adapterStep(folder: ProjectFolder, adapter: string | null, version: number | null): Promise<string> {
  if (adapter !== null) {
    const file = await fileNaming(folder, `@sveltejs/adapter-${adapter}`)
    return `in ${file}, replace '@sveltejs/adapter-${adapter}' by '@sveltejs/adapter-node'`
  }
  // SvelteKit 3 looks into Vite's file only; SvelteKit 2 into its own where there is one.
  const own = version !== null && version >= 3 ? undefined : svelteFiles.find((name) => folder.has(name))
  return own === undefined
    ? `in ${viteFiles.find((name) => folder.has(name)) ?? viteFiles[0]}, add: import adapter from '@sveltejs/adapter-node' and write sveltekit({ adapter: adapter() })`
    : `in ${own}, add: import adapter from '@sveltejs/adapter-node' and write kit: { adapter: adapter() }`
}

async function fileNaming(folder: ProjectFolder, name: string): Promise<string> {
  for (const file of [...svelteFiles, ...viteFiles]) {
    if (withoutComments((await folder.read(file)) ?? '').includes(name)) return file
  }
  return viteFiles[0] ?? ''
}

/** Without comments, so that an adapter that was commented out does not count. */
async function configuration(folder: ProjectFolder): Promise<string> {
  const texts = await Promise.all([...svelteFiles, ...viteFiles].map((name) => folder.read(name)))
  return withoutComments(texts.map((text) => text ?? '').join('\n'))
}

function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[^]*?\*\/|(?<=^|\s)\/\/.*$/gm, '')
}

/** Of what is installed, else of the range that is asked for. */
async function majorVersion(folder: ProjectFolder): Promise<number | null> {
  const installed = await folder.read('node_modules/@sveltejs/kit/package.json')
  const version =
    /"version":\s*"(\d+)\./.exec(installed ?? '')?.[1] ?? /\d+/.exec(folder.packages['@sveltejs/kit'] ?? '')?.[0]
  return version === undefined ? null : Number(version)
}

async function healthPath(folder: ProjectFolder): Promise<string | null> {
  for (const route of healthRoutes) {
    if (['ts', 'js'].some((end) => folder.has(`src/routes/${route}/+server.${end}`))) return `/${route}`
  }
  const hasHome = ['+page.svelte', '+page.server.ts', '+page.server.js', '+server.ts', '+server.js'].some((name) =>
    folder.has(`src/routes/${name}`),
  )
  return hasHome ? '/' : null
}

/** What the adapter is given: Vite has settings of the same names. */
function adapterOptions(settings: string): string {
  const name = /import\s+(\w+)\s+from\s+['"]@sveltejs\/adapter-/.exec(settings)?.[1]
  if (name === undefined) return ''
  return new RegExp(`(?<!import\\s+)\\b${name}\\(\\s*\\{([^}]*)\\}`).exec(settings)?.[1] ?? ''
}

function literal(settings: string, key: string): string | null {
  return new RegExp(`\\b${key}:\\s*['"\`]([^'"\`$]+)['"\`]`).exec(settings)?.[1]?.replace(/^\.\//, '') ?? null
}

function basePath(settings: string): string {
  return /\bpaths:\s*\{[^}]*?\bbase:\s*['"](\/[^'"]*)['"]/.exec(settings)?.[1] ?? ''
}

function shortNames(folder: ProjectFolder): Readonly<Record<string, true>> {
  return Object.fromEntries(Object.keys(folder.packages).map((name) => [name.replace('@sveltejs/', ''), true]))
}
