import { defineConfig } from 'sluice'

export default defineConfig({
  project: 'social',
  services: {
    web: {
      kind: 'web',
      // Everything is bundled into `build`: the artifact needs no node_modules.
      build: { command: 'npm run build', output: ['build', 'migrations', 'package.json'] },
      start: 'node build/index.js',
      health: '/health',
      instances: 2,
      assets: { path: '/_app/immutable', directory: 'build/client/_app/immutable' },
      env: {
        HOST: '127.0.0.1',
        // The edge speaks for the browser: without these two, form posts fail the cross-site check.
        PROTOCOL_HEADER: 'x-forwarded-proto',
        HOST_HEADER: 'x-forwarded-host',
        // Longer than the edge keeps idle connections, so that it never writes into a closing one.
        KEEP_ALIVE_TIMEOUT: '120',
        SHUTDOWN_TIMEOUT: '10',
      },
    },
  },
  database: { engine: 'postgres', release: 'node build/migrate.js' },
  environments: {
    staging: { target: 'local', strategy: 'rolling' },
    production: {
      target: 'local',
      strategy: { name: 'canary', preset: 'balanced', bake: '10m' },
      services: { web: { instances: 4 } },
    },
  },
})
