import type { Detector } from './detector.ts'

interface Bundler {
  readonly package: string
  readonly framework: string
  readonly build: string
  readonly files: readonly string[]
  /** Finds the output folder in the tool's own configuration. */
  readonly outputKey: RegExp
  readonly output: string
  readonly assets: string
  readonly fallback: string | null
}

const bundlers: readonly Bundler[] = [
  {
    package: 'astro',
    framework: 'Astro, static',
    build: 'astro build',
    files: ['astro.config.mjs', 'astro.config.ts', 'astro.config.js'],
    outputKey: /\boutDir:\s*['"`](?:\.\/)?([^'"`]+)['"`]/,
    output: 'dist',
    assets: '_astro',
    fallback: null,
  },
  {
    package: 'vite',
    framework: 'Vite, static',
    build: 'vite build',
    files: ['vite.config.ts', 'vite.config.js', 'vite.config.mts', 'vite.config.mjs'],
    outputKey: /\boutDir:\s*['"`](?:\.\/)?([^'"`]+)['"`]/,
    output: 'dist',
    assets: 'assets',
    fallback: 'index.html',
  },
  {
    package: 'react-scripts',
    framework: 'Create React App, static',
    build: 'react-scripts build',
    files: [],
    outputKey: /$^/,
    output: 'build',
    assets: 'static',
    fallback: 'index.html',
  },
]

const servers = ['express', 'fastify', 'hono', 'koa', '@nestjs/core', '@hapi/hapi', 'next', 'nuxt', '@astrojs/node']

/** A page that a bundler makes and that no server of its own serves: React, Vue, Svelte and others by Vite. */
export const staticSite: Detector = {
  name: 'static-site',
  async detect(folder) {
    const bundler = bundlers.find((candidate) => folder.packages[candidate.package] !== undefined)
    if (bundler === undefined || servers.some((server) => folder.packages[server] !== undefined)) return null
    const isApp = bundler.package !== 'vite' || folder.has('index.html')
    if (!isApp) return null
    const settings = (await Promise.all(bundler.files.map((file) => folder.read(file))))
      .map((text) => text ?? '')
      .join('\n')
    const output = bundler.outputKey.exec(settings)?.[1] ?? bundler.output
    const ui = ['react', 'vue', 'svelte', 'solid-js', 'preact'].find((name) => folder.packages[name] !== undefined)
    return {
      framework: ui === undefined ? bundler.framework : `${bundler.framework} (${ui})`,
      service: 'web',
      settings: {
        kind: 'static',
        build: {
          command: folder.scripts.build === undefined ? bundler.build : folder.script('build'),
          output: [output, '!node_modules'],
        },
        root: output,
        ...(bundler.fallback === null ? {} : { fallback: bundler.fallback }),
        assets: { path: `/${bundler.assets}`, directory: `${output}/${bundler.assets}` },
      },
      todo: [],
      notes: /\bbase:\s*['"](\/[^'"]+)['"]/.test(settings)
        ? ['the site has a base path: its routes and assets have to begin with it']
        : [],
    }
  },
}
