import { z } from 'zod'
import { command, count, duration, env, folder, key, required, size, urlPath } from './key.ts'

const build = z.strictObject({
  command: key(command, 'Build command, run in the user’s shell.', undefined, 'none'),
  output: key(
    z.array(z.string().min(1)).min(1),
    'Files and folders that make the artifact; `!path` leaves one out, `node_modules` takes all packages.',
    undefined,
    'the whole source and what the build made of it',
  ),
  install: key(command, '`auto` installs by lock file (npm, pnpm, yarn, pip), `none` nothing; else a command.', 'auto'),
  node: key(
    z.string().min(1),
    'Folder with the `node` that builds, relative to the project.',
    undefined,
    'the Node that runs Sluice',
  ),
})

const health = z.strictObject({
  path: key(
    urlPath,
    'GET this path: 2xx or 3xx is healthy.',
    undefined,
    'none: an instance that accepts connections is healthy',
  ),
  interval: key(duration, 'Time between two probes of an instance; probing never stops.', '1s'),
  timeout: key(duration, 'Longest wait for an answer.', '2s'),
  passes: key(count, 'Good answers in a row before an instance gets traffic.', 2),
  failures: key(count, 'Bad answers in a row before it gets none.', 3),
  ready: key(
    duration,
    'Time a new instance has to become ready; then the deployment fails with its last log lines.',
    '60s',
  ),
})

const hostPattern = /^(?!-)[a-z0-9-]+(?:\.[a-z0-9-]+)*$/
const host = z
  .string()
  .regex(hostPattern)
  .meta({
    form: { what: 'a host name in lower case without scheme and port', example: 'www.example.com', label: 'host' },
  })

const route = z.strictObject({
  host: key(host, 'Host name without port.', undefined, 'any host'),
  path: key(urlPath, 'Path prefix, matched by whole segments.', '/'),
})

const assets = z.strictObject({
  path: required(urlPath, 'URL prefix of the immutable files, such as `/_app/immutable`.'),
  directory: required(folder, 'Folder in the build output that holds them.'),
})

const limits = z.strictObject({
  memory: key(size, 'Memory of one instance.', undefined, 'no limit'),
  cpus: key(z.number().positive(), 'Processor cores of one instance, such as `0.5`.', undefined, 'no limit'),
})

const cron = /^(?:[\d*,/-]+)(?:\s+[\dA-Za-z*,/#?-]+){4}$/

/** Keys that an environment may override. */
const overridable = {
  build: key(z.union([command, build]), 'Build command, or a description of the build.', undefined, 'no command'),
  start: key(
    command,
    'Command that starts one instance, in the user’s shell; gets `PORT`. Its folder is read-only. Needed for all but `static`.',
  ),
  health: key(
    z.union([urlPath, health]),
    '`web`: the path that answers when an instance can serve, or details.',
    undefined,
    'a connection is enough',
  ),
  routes: key(
    z.array(route),
    '`web` and `static`: hosts and path prefixes; `[]`: only other services reach it, by `SLUICE_URL_<SERVICE>`.',
    undefined,
    'any host, path `/`',
  ),
  instances: key(count.max(1000), 'Number of instances.', undefined, '2 for `web`, 1 for `worker`'),
  user: key(
    z
      .string()
      .regex(/^(?:[A-Za-z_][\w.-]*\$?|\d+(?::\d+)?)$/)
      .meta({ form: { what: 'a user of the machine', example: 'www-data', label: 'user' } }),
    'User that the instances run as, by name, number or `uid:gid`; the release command runs as that of the first service. Needs a control plane of root.',
    undefined,
    'that of the control plane',
  ),
  env: key(env, 'Environment variables. `PORT` and `SLUICE_*` are set by Sluice.'),
  drain: key(duration, 'Longest wait for requests under way before an old instance is stopped.', '30s'),
  stopGrace: key(
    duration,
    'Time between SIGTERM and SIGKILL, in which the application ends its WebSockets and event streams; what is open after it is cut.',
    '10s',
  ),
  assets: key(assets, 'Immutable files that the edge serves itself, also those of earlier releases.'),
  root: key(folder, '`static`: the folder that is served.', undefined, 'the one folder that `build.output` names'),
  fallback: key(
    folder,
    '`static`: file below `root` for unknown paths (single-page applications).',
    undefined,
    'none: 404',
  ),
  limits: key(limits, 'Limits of one instance, enforced where systemd runs the machine.'),
  startWorkers: key(
    z.enum(['after-promotion', 'before-shift']),
    '`worker`: when the workers of a new release start.',
    'after-promotion',
  ),
  schedule: key(
    z
      .string()
      .regex(cron)
      .meta({ form: { what: 'five cron fields', example: '0 3 * * *', label: 'cron' } }),
    '`job`: five cron fields, in UTC.',
  ),
}

export const service = z.strictObject({
  kind: key(
    z.enum(['web', 'worker', 'static', 'job']),
    '`web` serves HTTP, `worker` runs without traffic, `static` is files only, `job` runs by the clock (recorded, not run yet).',
    'web',
  ),
  directory: key(folder, 'Folder of the service inside the project.', undefined, 'the project’s own'),
  ...overridable,
})

/** Deep merged over the service of the same name. */
export const serviceOverrides = z.strictObject(overridable)
