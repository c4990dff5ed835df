import { type Command, command } from '../command.ts'

const environment = { name: 'environment', description: 'name (`production`) or key (`social.production`)' } as const
const url = {
  name: 'url',
  description: 'address of the control plane, such as https://deploy.example.com:8443',
} as const
const deployment = { name: 'deployment', description: 'such as d12' } as const

/** To hear which deployment goes on by itself. */
const DETACH_MS = 5000

/** Every command there is, in the order of the help. */
export const commands: readonly Command[] = [
  command({
    name: 'init',
    summary: 'look at this project and write a configuration that works as it is',
    options: [{ flags: '--yes', description: 'write it without asking' }],
    load: async () => (await import('./init.ts')).init,
  }),
  command({
    name: 'up',
    summary: 'start the control plane and bring back every fleet that should run',
    isOfThisMachine: true,
    options: [
      { flags: '--edge <kind>', description: 'node (default) or haproxy, for the whole installation' },
      { flags: '--listen <address>', description: 'also for other machines at HOST:PORT from now on; off: no more' },
      { flags: '--tls-cert <file>', description: 'its certificate chain (PEM); read again when it changes' },
      { flags: '--tls-key <file>', description: 'the key of the certificate' },
      {
        flags: '--host <names>',
        description: 'names that it is called by, besides those of the certificate, by comma',
      },
      { flags: '--insecure-http', description: 'listen without a certificate on an address that others reach' },
      { flags: '--print-systemd', description: 'print a systemd unit instead' },
    ],
    load: async () => (await import('./up.ts')).up,
  }),
  command({
    name: 'down',
    summary: 'stop the control plane; users are served on',
    isOfThisMachine: true,
    options: [{ flags: '--all', description: 'stop everything: fleets, edge, databases' }],
    load: async () => (await import('./down.ts')).down,
  }),
  command({
    name: 'login',
    summary: 'keep the token of a control plane elsewhere; it is asked for, or comes from standard input',
    args: [url],
    examples: [
      'sluice login https://deploy.example.com:8443 < token',
      'SLUICE_URL=https://deploy.example.com:8443 sluice status',
    ],
    load: async () => (await import('./login.ts')).login,
  }),
  command({
    name: 'logout',
    summary: 'forget the token of a control plane elsewhere',
    args: [url],
    load: async () => (await import('./login.ts')).logout,
  }),
  command({
    name: 'status',
    summary: 'what runs where, and what is under way',
    args: [{ ...environment, isOptional: true }],
    load: async () => (await import('./status.ts')).status,
  }),
  command({
    name: 'deploy',
    summary: 'build, launch, shift traffic by evidence, judge, and go back by itself when it must',
    args: [environment],
    options: [
      { flags: '--artifact <directory>', description: 'deploy output that was built elsewhere' },
      { flags: '--commit <revision>', description: 'build this commit, tag or branch instead of the working tree' },
      { flags: '--until <state>', description: 'serving: return when all traffic is on the new release' },
      { flags: '--detach', description: 'return at once; the deployment goes on' },
      { flags: '--replace', description: 'compensate a deployment that is shifting instead of waiting for it' },
      { flags: '--timeout <duration>', description: 'stop waiting after this time (exit code 7), such as 10m' },
      { flags: '--edge <kind>', description: 'node or haproxy, when this starts the control plane' },
      {
        flags: '--var <names>',
        description:
          'variables for the configuration beside those that its text names, as NAME or NAME=value, by comma',
      },
    ],
    examples: ['sluice deploy production', 'sluice deploy staging --until serving --json'],
    interruptMs: DETACH_MS,
    load: async () => (await import('./deploy.ts')).deploy,
  }),
  command({
    name: 'rollback',
    summary: 'go back to the release before, or to a named one; never blocked',
    args: [environment, { name: 'release', description: 'such as r12', isOptional: true }],
    options: [
      { flags: '--check', description: 'only say whether it would work and how long the last one took' },
      { flags: '--reason <text>', description: 'kept with the deployment' },
      { flags: '--detach', description: 'return at once' },
      { flags: '--timeout <duration>', description: 'stop waiting after this time (exit code 7)' },
    ],
    interruptMs: DETACH_MS,
    load: async () => (await import('./rollback.ts')).rollback,
  }),
  command({
    name: 'promote',
    summary: 'end the remaining wait of a canary or a bake, and say what is unknown then',
    args: [environment],
    load: async () => (await import('./promote.ts')).promote,
  }),
  command({
    name: 'approve',
    summary: 'answer the open question of a deployment, such as whether to promote it or to roll it back',
    args: [deployment, { name: 'option', description: 'one of its answers (default promote)', isOptional: true }],
    options: [{ flags: '--roll-back', description: 'roll back instead of promoting' }],
    load: async () => (await import('./approve.ts')).approve,
  }),
  command({
    name: 'cancel',
    summary: 'ask a deployment to take everything back',
    args: [{ name: 'deployment', description: 'such as d12, or an environment' }],
    load: async () => (await import('./cancel.ts')).cancel,
  }),
  command({
    name: 'logs',
    summary: 'what instances print',
    args: [environment, { name: 'service', description: 'only this service', isOptional: true }],
    options: [
      { flags: '-f, --follow', description: 'go on with what comes' },
      { flags: '--release <release>', description: 'only this release' },
      { flags: '--tail <lines>', description: 'lines from the end of each log (default 100)' },
    ],
    load: async () => (await import('./logs.ts')).logs,
  }),
  command({
    name: 'releases list',
    isDefault: true,
    summary: 'releases, newest first',
    args: [{ ...environment, isOptional: true }],
    load: async () => (await import('./releases.ts')).listReleases,
  }),
  command({
    name: 'releases show',
    summary: 'one release: what it is made of, and how it was judged',
    args: [{ name: 'release', description: 'such as r12' }],
    load: async () => (await import('./releases.ts')).showRelease,
  }),
  command({
    name: 'env list',
    summary: 'environments of this installation',
    load: async () => (await import('./environments.ts')).listEnvironments,
  }),
  command({
    name: 'env hold',
    summary: 'make requests wait (at most 15 s each), or go on with `--off`',
    args: [environment],
    options: [
      { flags: '--off', description: 'serve again' },
      { flags: '--service <name>', description: 'this one alone; the others stay as they are' },
    ],
    load: async () => (await import('./environments.ts')).hold,
  }),
  command({
    name: 'env maintenance',
    summary: 'answer 503 with a page, or go on with `--off`',
    args: [environment],
    options: [
      { flags: '--off', description: 'serve again' },
      { flags: '--service <name>', description: 'this one alone; the others stay as they are' },
    ],
    load: async () => (await import('./environments.ts')).maintenance,
  }),
  command({
    name: 'secret set',
    summary: 'set a secret; its value comes from standard input',
    args: [environment, { name: 'name', description: 'name of the environment variable' }],
    examples: ['printf %s "$KEY" | sluice secret set production API_KEY'],
    load: async () => (await import('./secret.ts')).setSecret,
  }),
  command({
    name: 'secret list',
    summary: 'names and versions, never values',
    args: [environment],
    load: async () => (await import('./secret.ts')).listSecrets,
  }),
  command({
    name: 'secret rm',
    summary: 'remove a secret from releases to come; old ones keep their version',
    args: [environment, { name: 'name', description: 'name of the environment variable' }],
    load: async () => (await import('./secret.ts')).removeSecret,
  }),
  command({
    name: 'judge replay',
    summary: 'judge the samples of a deployment again, by another policy if you like',
    args: [deployment],
    options: [
      { flags: '--policy <file>', description: 'JSON: { preset, … }, or a complete policy' },
      { flags: '--phase <phase>', description: 'shift or bake (default: the last that was judged)' },
    ],
    load: async () => (await import('./judge-replay.ts')).judgeReplay,
  }),
  command({
    name: 'doctor',
    summary: 'look at everything a deployment needs and name the cure of what is wrong',
    isOfThisMachine: true,
    load: async () => (await import('./doctor.ts')).doctor,
  }),
  command({
    name: 'config print',
    summary: 'the configuration of an environment with every default, credentials masked',
    options: [{ flags: '--env <environment>', description: 'which environment (default: the first)' }],
    load: async () => (await import('./config.ts')).printConfig,
  }),
  command({
    name: 'config validate',
    summary: 'every problem of the configuration at once',
    load: async () => (await import('./config.ts')).validate,
  }),
  command({
    name: 'config schema',
    summary: 'JSON Schema of the configuration, for editors',
    load: async () => (await import('./config.ts')).schema,
  }),
  command({
    name: 'completion',
    summary: 'a completion script for your shell',
    args: [
      { name: 'shell', description: 'bash, zsh or fish' },
      { ...environment, isOptional: true, description: 'of what the script itself asks: names that are known now' },
    ],
    load: async () => (await import('./completion.ts')).completion(commands),
  }),
]
