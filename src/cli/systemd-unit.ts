export interface UnitOptions {
  readonly execPath: string
  readonly program: string
  readonly home: string
  /** For the service manager of one user, who is not root. */
  readonly isOfUser: boolean
  readonly edge: string | null
  /** The tables are in a database that a variable names: it holds a password, and units are readable by all. */
  readonly needsVariables: boolean
}

/**
 * `KillMode=process`: stopping or restarting the unit ends the control plane alone. With the default, systemd would end
 * the edge, the instances and PostgreSQL as well.
 */
export function systemdUnit(options: UnitOptions): string {
  const { execPath, program, home, isOfUser, edge, needsVariables } = options
  const argv = [execPath, program, '--home', home, ...(edge === null ? [] : ['--edge', edge])]
  const variables = isOfUser ? '%h/.config/sluice/environment' : '/etc/sluice/environment'
  return `${howToInstall(isOfUser)}
[Unit]
Description=Sluice control plane
After=network.target

[Service]
Type=exec
ExecStart=${argv.map(word).join(' ')}
Environment=${quoted(`SLUICE_HOME=${home}`)}
${needsVariables ? `# DATABASE_URL=postgres://… in this file, readable by its owner alone; without it nothing starts.\nEnvironmentFile=${variables}\n` : ''}Restart=always
RestartSec=1
KillMode=process
TasksMax=infinity
LimitNOFILE=65536

[Install]
WantedBy=${isOfUser ? 'default' : 'multi-user'}.target
`
}

function howToInstall(isOfUser: boolean): string {
  return isOfUser
    ? `# Save as ~/.config/systemd/user/sluice.service, stop what runs with \`sluice down\`, then:
#   systemctl --user daemon-reload && systemctl --user enable --now sluice
#   loginctl enable-linger   (it runs without a login, and after a reboot)`
    : `# Save as /etc/systemd/system/sluice.service, stop what runs with \`sluice down\`, then:
#   systemctl daemon-reload && systemctl enable --now sluice`
}

/** A word of a command line: systemd would put variables of its own into it. */
function word(text: string): string {
  return quoted(text.replaceAll('$', '$$$$'))
}

/** Within quotes C's escapes hold; `%` begins a specifier everywhere. */
function quoted(text: string): string {
  const escaped = text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('%', '%%').replaceAll('\n', '\\n')
  return `"${escaped}"`
}
