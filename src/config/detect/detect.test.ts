import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import type { ResolvedConfig } from '../../model/resolved-config.ts'
import { killGroup } from '../../support/run.ts'
import { freePort } from '../../support/testing/free-port.ts'
import { loadConfig } from '../load.ts'
import { resolveConfig } from '../resolve.ts'
import { temporaryFolder } from '../testing/temporary-folder.ts'
import { detectProject } from './detect-project.ts'
import { writeInitialConfig } from './write-config.ts'

type Files = Readonly<Record<string, string>>

const packageJson = (more: object) => ({ 'package.json': JSON.stringify(more), 'package-lock.json': '{}' })

/** What `init` writes for these files, loaded and resolved as `deploy` would. */
async function initialised(files: Files, format: 'ts' | 'json' = 'ts') {
  const dir = await temporaryFolder(files)
  const detected = await detectProject(dir)
  const { text } = await writeInitialConfig(dir, detected, { format })
  const { document } = await loadConfig({ cwd: dir, deadlineMs: 30_000 })
  expect(document).toEqual(JSON.parse(JSON.stringify(detected.config)))
  return { dir, detected, text, config: resolveConfig(document, 'production', { projectDir: dir }) }
}

function only(config: ResolvedConfig) {
  const [service, ...others] = config.services
  const [build] = config.build.services
  if (service === undefined || build === undefined || others.length > 0) throw new Error('one service was expected')
  return { service, build }
}

const kit3 = {
  ...packageJson({
    name: '@acme/Plaza App',
    scripts: { build: 'vite build' },
    devDependencies: { '@sveltejs/kit': '3.2.0', '@sveltejs/adapter-node': '6.0.1', vite: '8.3.8', postgres: '3.4.9' },
  }),
  'vite.config.ts': `import adapter from '@sveltejs/adapter-node'\nexport default { plugins: [sveltekit({ adapter: adapter() })], envPrefix: 'PUBLIC_' }`,
  'src/routes/health/+server.ts': '',
}

test('SvelteKit 3, configured in vite.config only', async () => {
  const { detected, config } = await initialised(kit3)
  const { service, build } = only(config)
  expect(detected).toMatchObject({ framework: 'SvelteKit 3 with adapter-node', todo: [] })
  expect(config).toMatchObject({ project: 'plaza-app', database: { engine: 'postgres' }, strategy: { name: 'canary' } })
  expect(build).toMatchObject({ command: 'npm run build', output: ['build', 'package.json'], install: 'auto' })
  expect(service).toMatchObject({
    kind: 'web',
    start: 'node build/index.js',
    health: { path: '/health' },
    assets: { path: '/_app/immutable', directory: 'build/client/_app/immutable' },
    env: { PROTOCOL_HEADER: 'x-forwarded-proto', HOST_HEADER: 'x-forwarded-host' },
  })
})

test('SvelteKit 2, with a base path, an output folder and a prefix of its own', async () => {
  const { config } = await initialised({
    ...packageJson({
      name: 'site',
      scripts: { build: 'vite build' },
      devDependencies: { '@sveltejs/kit': '^2.43.0', '@sveltejs/adapter-node': '^5.0.0' },
    }),
    'svelte.config.js': `import adapter from '@sveltejs/adapter-node'
      // import adapter from '@sveltejs/adapter-auto'
      export default { kit: { adapter: adapter({ out: 'out', envPrefix: 'APP_' }), paths: { base: '/shop' } } }`,
    'src/routes/+page.svelte': '',
  })
  const { service, build } = only(config)
  expect(build.output).toEqual(['out', 'package.json'])
  expect(service).toMatchObject({
    start: 'APP_HOST="$HOST" APP_PORT="$PORT" exec node out/index.js',
    health: { path: '/shop/' },
    assets: { path: '/shop/_app/immutable', directory: 'out/client/shop/_app/immutable' },
    env: { APP_PROTOCOL_HEADER: 'x-forwarded-proto' },
  })
})

test('SvelteKit without adapter-node is told exactly what to do', async () => {
  const kit2 = await detectProject(
    await temporaryFolder({
      'package.json': JSON.stringify({
        devDependencies: { '@sveltejs/kit': '^2.0.0', '@sveltejs/adapter-auto': '^6.0.0' },
      }),
      'pnpm-lock.yaml': '',
      'svelte.config.js': `import adapter from '@sveltejs/adapter-auto'\nexport default { kit: { adapter: adapter() } }`,
    }),
  )
  expect(kit2.todo).toEqual([
    'run: pnpm add -D @sveltejs/adapter-node@5',
    "in svelte.config.js, replace '@sveltejs/adapter-auto' by '@sveltejs/adapter-node'",
  ])
  const bare = await detectProject(
    await temporaryFolder({
      ...packageJson({ devDependencies: { '@sveltejs/kit': '3.0.0' } }),
      'vite.config.ts': 'export default { plugins: [sveltekit()] }',
    }),
  )
  expect(bare.todo).toEqual([
    'run: npm install -D @sveltejs/adapter-node',
    "in vite.config.ts, add: import adapter from '@sveltejs/adapter-node' and write sveltekit({ adapter: adapter() })",
  ])
})

test('SvelteKit 2 that is configured in vite.config is told to change that file', async () => {
  const dir = await temporaryFolder({
    ...packageJson({ devDependencies: { '@sveltejs/kit': '^2.63.0', '@sveltejs/adapter-auto': '^7.0.0' } }),
    'vite.config.ts': `import adapter from '@sveltejs/adapter-auto'\nexport default { plugins: [sveltekit({ adapter: adapter() })] }`,
  })
  expect((await detectProject(dir)).todo).toEqual([
    'run: npm install -D @sveltejs/adapter-node@5',
    "in vite.config.ts, replace '@sveltejs/adapter-auto' by '@sveltejs/adapter-node'",
  ])
})

test('SvelteKit with adapter-static is files only', async () => {
  const { config } = await initialised({
    ...packageJson({ devDependencies: { '@sveltejs/kit': '^2.0.0', '@sveltejs/adapter-static': '^3.0.0' } }),
    'svelte.config.js': `import adapter from '@sveltejs/adapter-static'\nexport default { kit: { adapter: adapter({ fallback: '200.html' }) } }`,
  })
  expect(only(config).service).toMatchObject({ kind: 'static', root: 'build', fallback: '200.html' })
})

test('React by Vite is a static service with a fallback', async () => {
  const { detected, config } = await initialised({
    ...packageJson({
      name: 'spa',
      scripts: { build: 'tsc && vite build' },
      dependencies: { react: '19.0.0' },
      devDependencies: { vite: '7.0.0' },
    }),
    'index.html': '',
    'vite.config.ts': `export default { build: { outDir: './public_html' } }`,
  })
  const { service, build } = only(config)
  expect(detected.framework).toBe('Vite, static (react)')
  expect(build).toMatchObject({ command: 'npm run build', output: ['public_html', '!node_modules'] })
  expect(service).toMatchObject({
    kind: 'static',
    root: 'public_html',
    fallback: 'index.html',
    assets: { path: '/assets', directory: 'public_html/assets' },
  })
})

for (const framework of ['express', 'fastify', 'hono']) {
  test(`a server on ${framework} is started by its own program`, async () => {
    const { detected, config } = await initialised({
      ...packageJson({ name: 'api', scripts: { start: 'node src/server.js' }, dependencies: { [framework]: '1.0.0' } }),
      'src/server.js': `app.get('/healthz', ok); app.listen(process.env.PORT)`,
    })
    expect(detected.todo).toEqual([])
    expect(only(config).service).toMatchObject({ start: 'node src/server.js', health: { path: '/healthz' } })
  })
}

test('a start script needs no package manager where it is one program', async () => {
  const startOf = async (start: string, more: object = {}, files: Files = { 'pnpm-lock.yaml': '' }) => {
    const scripts = { start, ...more }
    const dependencies = { express: '5.0.0', tsx: '4.0.0' }
    const dir = await temporaryFolder({ 'package.json': JSON.stringify({ scripts, dependencies }), ...files })
    const { services } = (await detectProject(dir)).config
    return services.web !== undefined && 'start' in services.web ? services.web.start : null
  }
  expect(await startOf('NODE_ENV=production node dist/server.js')).toBe('NODE_ENV=production node dist/server.js')
  expect(await startOf('tsx src/server.ts')).toBe('./node_modules/.bin/tsx src/server.ts')
  expect(await startOf('node a.js && node b.js')).toBe('npm run start')
  expect(await startOf('node a.js', { prestart: 'node prepare.js' })).toBe('npm run start')
  const pnp = { 'yarn.lock': '__metadata:\n  version: 8\n' }
  expect(await startOf('node server.js', {}, pnp)).toBe('node -r ./.pnp.cjs server.js')
  expect(await startOf('node server.js', {}, { ...pnp, '.yarnrc.yml': 'nodeLinker: node-modules\n' })).toBe(
    'node server.js',
  )
  expect(await startOf('node server.js', {}, { 'yarn.lock': '# yarn lockfile v1\n' })).toBe('node server.js')
})

test('a server that cannot work yet is told why', async () => {
  const { detected, config } = await initialised({
    'package.json': JSON.stringify({
      scripts: { start: 'tsx server.ts', build: 'tsc' },
      dependencies: { express: '5.0.0' },
      devDependencies: { tsx: '4.0.0' },
    }),
    'server.ts': 'app.listen(3000)',
  })
  expect(only(config)).toMatchObject({
    service: { start: './node_modules/.bin/tsx server.ts' },
    build: { command: 'npm run build' },
  })
  expect(detected.todo).toEqual([
    'let the server listen on the port that the variable PORT names: each instance gets a port of its own',
    'move tsx from devDependencies to dependencies: the start script runs it in production',
    'run npm install (or pnpm, yarn) and commit the lock file: builds install from it',
  ])
})

test('a server of node:http alone, written by init as JSON, starts and answers', async () => {
  const server = `require('node:http').createServer((q, r) => r.end('up')).listen(process.env.PORT, process.env.HOST)`
  const { dir, config } = await initialised({ ...packageJson({ name: 'bare' }), 'server.js': server }, 'json')
  const { service } = only(config)
  for (;;) {
    const port = await freePort()
    const env = { ...process.env, ...service.env, HOST: '127.0.0.1', PORT: String(port) }
    const child = spawn('sh', ['-c', service.start ?? ''], {
      cwd: join(dir, service.directory),
      env,
      detached: true,
      stdio: 'ignore',
    })
    onTestFinished(() => killGroup(child.pid))
    while (child.exitCode === null) {
      const answer = await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(5000) }).catch(() => null)
      if (answer !== null && (await answer.text()) === 'up') return
      await sleep(30)
    }
    // Somebody else has taken the port in between.
    expect(child.exitCode).toBe(1)
  }
})

test('FastAPI on uvicorn, by requirements.txt', async () => {
  const { detected, config } = await initialised({
    'requirements.txt': 'fastapi==0.115\nuvicorn[standard]>=0.30\nasyncpg\n',
    'app/main.py': `from fastapi import FastAPI\napp = FastAPI()\n\n@app.get("/health")\ndef health(): ...\n`,
    'app/__init__.py': '',
  })
  expect(detected).toMatchObject({ framework: 'FastAPI on uvicorn', todo: [] })
  expect(config.database).toEqual({ engine: 'postgres' })
  expect(only(config).service.start).toMatch(
    /^\.venv\/bin\/python -m uvicorn app\.main:app --host "\$HOST" --port "\$PORT"/,
  )
  expect(only(config).service.health.path).toBe('/health')
})

test('Flask on gunicorn, by pyproject.toml and with a factory', async () => {
  const { detected, config } = await initialised({
    'pyproject.toml': '[project]\nname = "shop"\ndependencies = ["flask>=3"]\n',
    'shop/__init__.py': `from flask import Flask\n\ndef create_app():\n    return Flask(__name__)\n`,
  })
  expect(detected.todo).toEqual(['add gunicorn to the dependencies of pyproject.toml'])
  expect(only(config).service.start).toMatch(
    /^\.venv\/bin\/python -m gunicorn 'shop:create_app\(\)' --bind "\$HOST:\$PORT"/,
  )
})

test('a folder of projects is told where they are', async () => {
  const dir = await temporaryFolder({
    'apps/web/package.json': JSON.stringify({ dependencies: { express: '5.0.0' } }),
    'docs/readme.md': '',
  })
  await expect(detectProject(dir)).rejects.toMatchObject({
    code: 'NOT_FOUND',
    hint: 'there are projects in apps/web: run `sluice init` there',
  })
  await expect(detectProject(await temporaryFolder({}))).rejects.toMatchObject({ code: 'NOT_FOUND' })
})

test('a workspace gets a service for each project in it, also for one that opens no port', async () => {
  const express = { express: '5.0.0' }
  const { detected, config, text } = await initialised({
    ...packageJson({ name: 'plaza', workspaces: ['apps/*', 'packages/*'], scripts: { start: 'turbo start' } }),
    'apps/api/package.json': JSON.stringify({ scripts: { start: 'node server.js' }, dependencies: express }),
    'apps/api/server.js': `app.get('/health', ok); app.listen(process.env.PORT)`,
    'apps/mailer/package.json': JSON.stringify({ scripts: { start: 'node main.js' }, dependencies: { pg: '8.0.0' } }),
    'apps/mailer/main.js': `setInterval(() => send(), 1000)`,
    'apps/web/package.json': JSON.stringify({ scripts: { build: 'vite build' }, devDependencies: { vite: '7.0.0' } }),
    'apps/web/index.html': '',
    'packages/shared/package.json': '{}',
    'packages/shared/index.js': '',
  })
  expect(detected.todo).toEqual([])
  expect(config.services).toMatchObject([
    { name: 'api', directory: 'apps/api', start: 'node server.js', routes: [{ host: 'api.localhost' }] },
    { name: 'mailer', kind: 'worker', directory: 'apps/mailer', start: 'node main.js' },
    { name: 'web', kind: 'static', directory: 'apps/web', routes: [{ path: '/' }] },
  ])
  expect(config.database).toMatchObject({ engine: 'postgres' })
  expect(text).toContain("mailer: { kind: 'worker', directory: 'apps/mailer', start: 'node main.js' },")
})

test('projects of one name in two folders are told apart, and a server at the root is not hidden by others', async () => {
  const server = { 'package.json': '{"scripts":{"start":"node server.js"},"dependencies":{"express":"5"}}' }
  const at = (path: string) => ({
    [`${path}/package.json`]: server['package.json'],
    [`${path}/server.js`]: 'app.listen(process.env.PORT)',
    [`${path}/package-lock.json`]: '{}',
  })
  const { detected } = await initialised({ ...at('apps/web'), ...at('services/web') })
  expect(Object.keys(detected.config.services)).toEqual(['apps-web', 'services-web'])
  const { config } = await initialised({ ...server, 'package-lock.json': '{}', 'server.js': 'PORT', ...at('apps/web') })
  expect(only(config).service).toMatchObject({ name: 'web', start: 'node server.js' })
})

test('a configuration that is there is never overwritten', async () => {
  const dir = await temporaryFolder({ ...kit3, 'sluice.config.yaml': 'project: x' })
  await expect(writeInitialConfig(dir, await detectProject(dir))).rejects.toMatchObject({
    code: 'USAGE',
    message: 'sluice.config.yaml exists already',
  })
})

test('where the compiler of the project would take it in, the file is plain JavaScript', async () => {
  const dir = await temporaryFolder({
    ...packageJson({ scripts: { build: 'tsc', start: 'node dist/index.js' }, dependencies: { hono: '4.0.0' } }),
    'tsconfig.json': JSON.stringify({ compilerOptions: { rootDir: './src', outDir: './dist' } }),
    'src/index.ts': 'serve({ port: process.env.PORT })',
  })
  const { file } = await writeInitialConfig(dir, await detectProject(dir))
  expect(file).toBe(join(dir, 'sluice.config.mjs'))
  const { document } = await loadConfig({ cwd: dir, deadlineMs: 30_000 })
  expect(document).toMatchObject({ services: { web: { start: 'node dist/index.js' } } })
})

test('the file that is written reads well', async () => {
  const { text } = await initialised(kit3)
  expect(text).toMatchInlineSnapshot(`
    "import { defineConfig } from 'sluice'

    export default defineConfig({
      project: 'plaza-app',
      services: {
        web: {
          kind: 'web',
          build: { command: 'npm run build', output: ['build', 'package.json'] },
          start: 'node build/index.js',
          health: '/health',
          assets: { path: '/_app/immutable', directory: 'build/client/_app/immutable' },
          env: {
            // The edge speaks for the browser: without these two, form posts fail the cross-site check.
            PROTOCOL_HEADER: 'x-forwarded-proto',
            HOST_HEADER: 'x-forwarded-host',
            // Longer than the edge keeps connections, so that it never writes into one that closes.
            KEEP_ALIVE_TIMEOUT: '120',
          },
        },
      },
      // A PostgreSQL for each environment, handed over as DATABASE_URL.
      database: { engine: 'postgres' },
      environments: {
        staging: { strategy: 'rolling' },
        production: { strategy: 'canary' },
      },
    })
    "
  `)
})
