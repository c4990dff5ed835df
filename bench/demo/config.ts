export interface DemoTimes {
  readonly observe: string
  readonly bake: string
}

/** Shorter than anyone should use in earnest: the demonstration is to end within minutes. */
export const demoTimes: DemoTimes = { observe: '25s', bake: '15s' }

/** The configuration of the social application for the demonstration: one environment, one port, short minimum times. */
export function demoConfig(port: number, { observe, bake }: DemoTimes = demoTimes): string {
  return `import { defineConfig } from 'sluice'

export default defineConfig({
  project: 'social',
  services: {
    web: {
      kind: 'web',
      build: { command: 'npm run build', output: ['build', 'migrations', 'package.json'] },
      start: 'node build/index.js',
      health: '/health',
      instances: 2,
      assets: { path: '/_app/immutable', directory: 'build/client/_app/immutable' },
      env: {
        HOST: '127.0.0.1',
        PROTOCOL_HEADER: 'x-forwarded-proto',
        HOST_HEADER: 'x-forwarded-host',
        KEEP_ALIVE_TIMEOUT: '120',
        SHUTDOWN_TIMEOUT: '10',
      },
    },
  },
  database: { engine: 'postgres', release: 'node build/migrate.js' },
  environments: {
    production: {
      target: 'local',
      edge: { http: ${port} },
      // A real canary is observed for minutes and stays under watch at 100 % for ten more.
      strategy: { name: 'canary', preset: 'balanced', observe: '${observe}', maxWait: '2m', bake: '${bake}' },
    },
  },
})
`
}
