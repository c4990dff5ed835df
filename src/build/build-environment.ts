import { mkdir, symlink } from 'node:fs/promises'
import { delimiter, join } from 'node:path'

/** What reaches users' commands of our own environment: how to find programs and get through the network. */
const passedOn =
  /^(PATH|HOME|LANG|LC_ALL|TZ|USER|LOGNAME|SHELL|SSL_CERT_FILE|SSL_CERT_DIR|NODE_EXTRA_CA_CERTS|(https?|no|all)_proxy)$/i

/** In addition when packages are installed: registries and their settings. */
const passedOnToInstall = /^(npm_config_.*|pip_.*|yarn_.*|pnpm_home|corepack_.*)$/i

/** Package managers start their helpers with these set: they speak of another project than the one being built. */
const neverPassedOn =
  /^npm_config_(local_prefix|prefix|globalconfig|userconfig_|init_module|node_gyp|noproxy|user_agent)$/i

export interface BuildEnvironment {
  readonly forCommands: Readonly<Record<string, string>>
  readonly forInstall: Readonly<Record<string, string>>
  /** In addition for pnpm: npm warns of names that it does not know. Up to version 10 it reads npm's, later its own. */
  readonly forPnpm: Readonly<Record<string, string>>
}

/** `own`: our process' environment. `user`: `build.env` of the configuration, which wins. */
export async function buildEnvironment(options: {
  readonly own: Readonly<Record<string, string | undefined>>
  readonly user: Readonly<Record<string, string>>
  /** Marks every process of this build, so that one that left its group is found too. */
  readonly mark: string
  readonly nodeFolder: string
  /** Last on PATH: package managers that had to be fetched. */
  readonly programs: string
  readonly temporary: string
  readonly caches: string
}): Promise<BuildEnvironment> {
  const { own, user, mark, nodeFolder, programs, temporary, caches } = options
  await mkdir(temporary, { recursive: true })
  const take = (pattern: RegExp) =>
    Object.fromEntries(
      Object.entries(own).flatMap(([name, value]) =>
        value !== undefined && pattern.test(name) && !neverPassedOn.test(name) ? [[name, value] as const] : [],
      ),
    )
  const base = take(passedOn)
  const forCommands = {
    HOME: temporary,
    ...base,
    CI: 'true',
    NO_COLOR: '1',
    TMPDIR: temporary,
    ...user,
    PATH: [nodeFolder, user.PATH ?? base.PATH ?? '/usr/local/bin:/usr/bin:/bin', programs].join(delimiter),
    SLUICE_BUILD: mark,
  }
  const forInstall = {
    ...take(passedOnToInstall),
    npm_config_cache: join(caches, 'npm'),
    YARN_CACHE_FOLDER: join(caches, 'yarn'),
    // Zero-install folders and the artifact need the packages inside of the tree.
    YARN_GLOBAL_FOLDER: join(caches, 'yarn-global'),
    YARN_ENABLE_GLOBAL_CACHE: 'false',
    YARN_ENABLE_TELEMETRY: 'false',
    PIP_CACHE_DIR: join(caches, 'pip'),
    PIP_DISABLE_PIP_VERSION_CHECK: '1',
    PIP_NO_INPUT: '1',
    COREPACK_ENABLE_DOWNLOAD_PROMPT: '0',
    npm_config_fund: 'false',
    npm_config_audit: 'false',
    npm_config_update_notifier: 'false',
    ...forCommands,
  }
  const store = join(caches, 'pnpm')
  return { forCommands, forInstall, forPnpm: { npm_config_store_dir: store, pnpm_config_store_dir: store } }
}

/** A folder whose only program is `node`: ours, without whatever else lies beside it. */
export async function ownNodeFolder(folder: string, execPath: string): Promise<string> {
  await mkdir(folder, { recursive: true })
  await symlink(execPath, join(folder, 'node')).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error
  })
  return folder
}
