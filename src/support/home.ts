import { join } from 'node:path'

/** Where everything of one installation lives. Only paths: nothing is created here. */
export interface Home {
  readonly root: string
  /** Control plane: `control.json`, `token`, `control.log`. */
  readonly control: string
  /** The control plane's own PostgreSQL: `data/`, `password`, `postgres.log`. */
  readonly postgres: string
  readonly edge: string
  readonly artifacts: string
  readonly builds: string
  /** Unpacked artifacts, one folder per artifact hash. */
  readonly trees: string
  readonly instances: string
  readonly databases: string
  readonly secrets: string
  readonly cache: string
  /** Folders that came over the network. */
  readonly uploads: string
}

export function homeAt(root: string): Home {
  return {
    root,
    control: join(root, 'control'),
    postgres: join(root, 'postgres'),
    edge: join(root, 'edge'),
    artifacts: join(root, 'artifacts'),
    builds: join(root, 'builds'),
    trees: join(root, 'trees'),
    instances: join(root, 'instances'),
    databases: join(root, 'databases'),
    secrets: join(root, 'secrets'),
    cache: join(root, 'cache'),
    uploads: join(root, 'uploads'),
  }
}
