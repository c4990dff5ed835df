import { z } from 'zod'
import { edge, environmentEdge } from './schema/edge.ts'
import { command, count, duration, env, envName, key, name, required, size } from './schema/key.ts'
import { service, serviceOverrides } from './schema/service.ts'
import { strategy } from './schema/strategy.ts'
import { target } from './schema/target.ts'

const database = z.strictObject({
  engine: key(z.enum(['postgres']), 'The only one so far.', 'postgres'),
  url: key(
    z.union([
      z
        .string()
        .regex(/^postgres(?:ql)?:\/\/[^\s/]+\/[^\s/?]+/)
        .meta({
          form: {
            what: 'a URL with host and database',
            example: 'postgres://user:password@host:5432/database',
            label: 'URL',
          },
        }),
      z.strictObject({ secret: required(envName, 'Secret of the environment that holds the URL.') }),
    ]),
    'A server of your own: its URL, or `{ secret: "NAME" }` for one that `sluice secret set` stored.',
    undefined,
    'a PostgreSQL that Sluice runs for the environment',
  ),
  release: key(
    command,
    'Command run once before the instances of a release start, in the user’s shell. What ends the deployment meanwhile asks it to stop (SIGTERM) and waits for up to a minute.',
    undefined,
    'none',
  ),
})

const build = z.strictObject({
  env: key(env, 'The only variables of yours that build commands see.', {}),
  timeout: key(duration, 'Longest build.', '15m'),
  maxSize: key(size, 'Largest artifact.', '1GB'),
})

const keepReleases = count.max(1000)

const environment = z.strictObject({
  target: key(target, 'Where instances run: a name, or `{ name, … }` with settings of that place.', 'local'),
  strategy: key(strategy, 'How a new release takes over: a name, or a name with settings.', 'rolling'),
  services: key(
    z.record(name, serviceOverrides),
    'What differs for services here: merged over their own settings, lists are replaced.',
  ),
  env: key(env, 'Environment variables of all services here; they win over those of the services.'),
  database: key(database, 'Merged over the project’s `database`.', undefined, 'the project’s'),
  edge: key(
    environmentEdge,
    'Merged over the project’s `edge`; `implementation` is the project’s alone.',
    undefined,
    'the project’s',
  ),
  stickiness: key(z.boolean(), 'A visitor stays with one release, by cookie.', undefined, 'the project’s'),
  keepReleases: key(keepReleases, 'Releases kept for rollback.', undefined, 'the project’s'),
  requireClean: key(
    z.boolean(),
    'Refuse to deploy a working tree with changes.',
    undefined,
    'true for an environment named `production`',
  ),
})

/** The whole document as users write it. Only checks: `resolve.ts` fills in and converts. */
export const documentSchema = z.strictObject({
  $schema: key(z.string(), 'Where editors find the JSON schema; ignored.'),
  project: required(name, 'Name of the project.'),
  services: required(z.record(name, service), 'The parts of the project, by name; together they form one release.'),
  environments: required(z.record(name, environment), 'Where the project runs, by name.'),
  env: key(env, 'Environment variables of all services.'),
  build: key(build, 'What holds for the build as a whole.'),
  database: key(database, 'A database per environment, injected as `DATABASE_URL`.', undefined, 'none'),
  edge: key(edge, 'The router in front of the services, or just its implementation.'),
  stickiness: key(z.boolean(), 'A visitor stays with one release, by cookie.', true),
  keepReleases: key(keepReleases, 'Releases kept for rollback.', 10),
})

export type ConfigDocument = z.infer<typeof documentSchema>
export type ServiceDocument = z.infer<typeof service>
export type ServiceOverridesDocument = z.infer<typeof serviceOverrides>
export type EnvironmentDocument = z.infer<typeof environment>
export type StrategyDocument = z.infer<typeof strategy>
export type DatabaseDocument = z.infer<typeof database>
export type EdgeDocument = Exclude<z.infer<typeof edge>, string>
