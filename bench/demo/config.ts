export interface DemoTimes {
  readonly observe: string
  readonly bake: string
}

/** Shorter than anyone should use in earnest: the demonstration is to end within minutes. */
export const demoTimes: DemoTimes = { observe: '25s', bake: '15s' }

/** The name under which the application's own configuration lies beside the demonstration's. */
export const OWN_CONFIG = 'social.config.ts'

/** The application's own configuration with one environment, one port and short minimum times. */
export function demoConfig(port: number, { observe, bake }: DemoTimes = demoTimes): string {
  return `import social from './${OWN_CONFIG}'

export default {
  ...social,
  environments: {
    production: {
      target: 'local',
      edge: { http: ${port} },
      // A real canary is observed for minutes and stays under watch at 100 % for ten more.
      strategy: { name: 'canary', preset: 'balanced', observe: '${observe}', maxWait: '2m', bake: '${bake}' },
    },
  },
}
`
}
