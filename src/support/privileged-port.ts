/** What allows an ordinary user to listen on a port that the system keeps for root. */
export function howToBind(port: number): string {
  return `as root, \`sysctl -w net.ipv4.ip_unprivileged_port_start=${port}\` allows it (a file in /etc/sysctl.d keeps it); or choose a port from 1024 on`
}
