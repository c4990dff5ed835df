export interface ServerSettings {
  readonly port: number
  readonly socketDirectory: string
  readonly maxConnections: number
  /** Wins over everything below. */
  readonly extra: Readonly<Record<string, string>>
}

/** Settings of every server that we run, as arguments: they hold whatever stands in `postgresql.conf`. */
export function serverArguments(settings: ServerSettings): readonly string[] {
  const all: Record<string, string> = {
    listen_addresses: '127.0.0.1',
    port: String(settings.port),
    unix_socket_directories: settings.socketDirectory,
    unix_socket_permissions: '0700',
    max_connections: String(settings.maxConnections),
    // Small on purpose: the whole idle product has 300 MB. I/O workers would be three processes more.
    shared_buffers: '32MB',
    io_method: 'sync',
    jit: 'off',
    huge_pages: 'off',
    min_wal_size: '32MB',
    max_wal_size: '256MB',
    // From the first day: backups stream, and an upgrade to the next major version replicates logically.
    wal_level: 'logical',
    max_wal_senders: '10',
    max_replication_slots: '10',
    // A receiver that died must not fill the disk.
    max_slot_wal_keep_size: '4GB',
    password_encryption: 'scram-sha-256',
    timezone: 'UTC',
    log_timezone: 'UTC',
    log_destination: 'stderr',
    logging_collector: 'off',
    log_line_prefix: '%m [%p] ',
    lc_messages: 'C',
    ...settings.extra,
  }
  return Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}

/** Code point order by PostgreSQL itself: indexes never depend on a C library or ICU that changes under them. */
export const initArguments: readonly string[] = [
  '--data-checksums',
  '--encoding=UTF8',
  '--locale=C',
  '--locale-provider=builtin',
  '--builtin-locale=C.UTF-8',
  '--auth=scram-sha-256',
]
