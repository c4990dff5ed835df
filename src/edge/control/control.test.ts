import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { SluiceError } from '../../model/error.ts'
import type { Edge, EdgeState } from '../edge.ts'
import { routeTable } from '../testing/route-tables.ts'
import { remoteEdge } from './control-client.ts'
import { type ControlServer, serveControl } from './control-server.ts'
import { prepareControlSocket } from './control-socket.ts'

const state: EdgeState = { pid: 1, version: '1', startedAt: '', environments: [] }
let directory: string
let servers: ControlServer[]
let calls: unknown[]

const edge: Edge = {
  capabilities: {
    name: 'test',
    http2: false,
    trailers: false,
    webSocketRestartCode: false,
    sampleSeconds: 1,
    reactionMs: 0,
    perInstance: true,
  },
  async apply(table) {
    if (table.fence === 0) throw new SluiceError('FENCED', 'too late', { hint: 'go', details: { fence: 3 } })
    calls.push(table)
  },
  inspect: async () => state,
  samples: async (query) => ({ samples: [], cursor: query.after ?? '0' }),
  drain: (target, options) =>
    new Promise((resolve, reject) => {
      calls.push([target, options.deadlineMs])
      options.signal?.addEventListener('abort', () => {
        calls.push('aborted')
        reject(options.signal?.reason)
      })
      if (target.release === 'quick') resolve({ cut: 1, left: 0, tookMs: 2 })
    }),
  hold: async (order) => {
    calls.push(order)
  },
  close: async (options) => {
    calls.push(options)
  },
}

async function serve(path: string) {
  const server = await serveControl({ edge, path })
  servers.push(server)
  return server
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sluice-control-'))
  servers = []
  calls = []
})
afterEach(async () => {
  await Promise.all(servers.map((server) => server.close()))
  await rm(directory, { recursive: true, force: true })
})

describe('the remote control of an edge', () => {
  test('passes every call with its options and gives back what the edge answers', async () => {
    const path = join(directory, 'control.sock')
    await serve(path)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    const remote = await remoteEdge(path)
    expect(remote.capabilities).toEqual(edge.capabilities)
    const table = routeTable()
    await remote.apply(table)
    expect(await remote.inspect()).toEqual(state)
    expect(await remote.samples({ environment: 'e', after: '7' })).toEqual({ samples: [], cursor: '7' })
    const target = { environment: 'e', release: 'quick' }
    expect(await remote.drain(target, { deadlineMs: 20_000 })).toEqual({ cut: 1, left: 0, tookMs: 2 })
    await remote.hold({ environment: 'e', mode: 'wait' })
    await remote.close({ stop: true })
    expect(calls).toEqual([table, [target, 20_000], { environment: 'e', mode: 'wait' }, { stop: true }])
  })

  test('gives back errors with their code, hint and details', async () => {
    const path = join(directory, 'control.sock')
    await serve(path)
    const remote = await remoteEdge(path)
    const refusal = await remote.apply(routeTable({ fence: 0 })).catch((error: unknown) => error)
    expect(refusal).toMatchObject({ code: 'FENCED', hint: 'go', details: { fence: 3 } })
    await remote.close()
  })

  test('says EDGE_UNREACHABLE when nobody serves the socket', async () => {
    await expect(remoteEdge(join(directory, 'absent.sock'))).rejects.toMatchObject({ code: 'EDGE_UNREACHABLE' })
  })

  test('ends at its deadline when the edge is deaf, and tells the edge when its caller gave up', async () => {
    const deaf = createServer()
    await new Promise<void>((resolve) => deaf.listen(join(directory, 'deaf.sock'), resolve))
    const late = remoteEdge(join(directory, 'deaf.sock'), { deadlineMs: 50 })
    await expect(late).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
    deaf.close()

    const path = join(directory, 'control.sock')
    await serve(path)
    const remote = await remoteEdge(path)
    const abort = new AbortController()
    const drained = remote.drain({ environment: 'e', release: 'slow' }, { deadlineMs: 60_000, signal: abort.signal })
    await expect.poll(() => calls.length).toBe(1)
    abort.abort(new Error('given up'))
    await expect(drained).rejects.toThrow('given up')
    await expect.poll(() => calls.at(-1)).toBe('aborted')
    await remote.close()
  })

  test('is taken over by a successor on the same path while the old one lives', async () => {
    const path = join(directory, 'control.sock')
    const old = await serve(path)
    await serve(path)
    await old.close()
    const remote = await remoteEdge(path)
    expect(await remote.inspect()).toEqual(state)
    await remote.close()
  })

  test('works from a folder whose path is too long for a socket', async () => {
    const long = join(directory, 'x'.repeat(120))
    await mkdir(long)
    const path = await prepareControlSocket(long)
    expect(Buffer.byteLength(path)).toBeLessThan(107)
    await serve(path)
    const remote = await remoteEdge(path)
    expect(await remote.inspect()).toEqual(state)
    await remote.close()
    await rm(path, { force: true })
  })
})
