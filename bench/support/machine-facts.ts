import { arch, cpus, loadavg, release, totalmem, type } from 'node:os'
import { findHaproxy } from '../../src/edge/haproxy/program/find-haproxy.ts'

/** What a figure depends on: a table without it says little. */
export async function machineFacts(): Promise<string> {
  const haproxy = await findHaproxy()
  const facts = [
    new Date().toISOString().slice(0, 16).replace('T', ' '),
    `${cpus().length} cores ${arch()}`,
    `${Math.round(totalmem() / 1024 ** 3)} GB`,
    `${type()} ${release()}`,
    `Node ${process.versions.node}`,
    haproxy === null ? 'no HAProxy' : `HAProxy ${haproxy.version}`,
    `load average ${loadavg()[0]?.toFixed(1) ?? '?'}`,
  ]
  return facts.join(' · ')
}
