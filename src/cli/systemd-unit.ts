/**
 * `KillMode=process`: stopping or restarting the unit ends the control plane alone. With the default, systemd would end
 * the edge, the instances and PostgreSQL as well.
 */
export function systemdUnit(options: {
  readonly execPath: string
  readonly program: string
  readonly home: string
}): string {
  return `[Unit]
Description=Sluice control plane
After=network.target

[Service]
Type=exec
ExecStart="${options.execPath}" "${options.program}" --home "${options.home}"
Environment="SLUICE_HOME=${options.home}"
Restart=always
RestartSec=1
KillMode=process
TasksMax=infinity
LimitNOFILE=65536

[Install]
WantedBy=multi-user.target
`
}
