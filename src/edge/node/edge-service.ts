import type { ChildProcess } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { SluiceError } from '../../model/error.ts'
import { remoteEdge } from '../control/control-client.ts'
import { type ControlServer, serveControl } from '../control/control-server.ts'
import { controlSocketOf, prepareControlSocket } from '../control/control-socket.ts'
import { claimEdge, livingEdge, writeEdgeRecord } from '../edge-process.ts'
import { loadEdge } from '../edge-state.ts'
import { type SampleArchive, sampleArchive } from '../samples/sample-archive.ts'
import { inheritedDescriptors, type LateSamples, sendLate, startSuccessor, type TakeOver } from './hand-over.ts'
import { NodeEdge } from './node-edge.ts'

const STOP_MS = 5000

export interface EdgeServiceOptions {
  readonly directory: string
  readonly version: string
  readonly log: (message: string) => void
  readonly exit: () => void
  /** Told by the process before this one; absent: started on its own. */
  readonly takeOver?: TakeOver
}

/** The edge process: a `NodeEdge` with its control socket, its state on disk, its beginning and its end. */
export class EdgeService {
  readonly #options: EdgeServiceOptions
  readonly #edge: NodeEdge
  readonly #disk: SampleArchive
  #control: ControlServer | null = null
  #successor: ChildProcess | null = null
  #isHandingOver = false

  constructor(options: EdgeServiceOptions) {
    const { directory, version, log, takeOver } = options
    this.#options = options
    this.#disk = sampleArchive({ directory, onProblem: (error) => log(`samples not written: ${String(error)}`) })
    this.#edge = new NodeEdge({
      directory,
      version,
      log,
      archive: this.#archive(),
      ...(takeOver === undefined ? {} : { inherited: inheritedDescriptors(takeOver) }),
    })
  }

  async start(): Promise<void> {
    const { directory, version, log, takeOver } = this.#options
    if (takeOver === undefined) await claimEdge(directory, { name: 'node', version })
    this.#edge.log.restore(await this.#disk.read())
    if (takeOver === undefined) {
      const { saved, problem } = await loadEdge(directory)
      if (problem !== null) log(problem)
      await this.#edge.restore(saved)
    } else {
      await this.#edge.restore(takeOver.saved, new Map(Object.entries(takeOver.health)))
      await this.#follow(takeOver)
    }
    this.#control = await this.#serve(await prepareControlSocket(directory))
    if (takeOver !== undefined) await writeEdgeRecord(directory, { name: 'node', version })
    log(`serving as version ${version}, pid ${process.pid}`)
  }

  /** Ends the process after its requests, at the latest after a few seconds. */
  async stop(): Promise<void> {
    this.#edge.leave()
    const until = performance.now() + STOP_MS
    while (this.#edge.hasRequests && performance.now() < until) await sleep(20)
    await this.#edge.close()
    // Of several that started at once only one is the edge: the others leave its record and its socket alone.
    if ((await livingEdge(this.#options.directory))?.pid === process.pid) {
      await rm(join(this.#options.directory, 'edge.json'), { force: true })
      await rm(controlSocketOf(this.#options.directory), { force: true })
    }
    await this.#edge.predecessor?.close({ stop: true }).catch(() => {})
    // The answer to the call that asked for this must get out first.
    setTimeout(this.#options.exit, 50)
  }

  /** Takes what the process before still counts, and passes on to it what concerns its connections. */
  async #follow({ predecessor }: TakeOver): Promise<void> {
    this.#edge.predecessor = await remoteEdge(predecessor)
    process.on('message', (message: LateSamples) => {
      if (message.type === 'samples') this.#disk.add([this.#edge.log.append(message.environment, message.samples)])
    })
    process.on('disconnect', () => {
      void this.#edge.predecessor?.close()
      this.#edge.predecessor = null
    })
  }

  #serve(path: string): Promise<ControlServer> {
    const extra = {
      stop: () => this.stop(),
      upgrade: (body: unknown) => this.#upgrade((body as { readonly program: string }).program),
      // While the next process reads the history, what is new goes to it alone: nothing is told twice.
      samples: async (query: unknown) => {
        const { environment, after } = query as { readonly environment: string; readonly after?: string }
        if (this.#isHandingOver) return { samples: [], cursor: after ?? '0' }
        return this.#edge.samples(after === undefined ? { environment } : { environment, after })
      },
    }
    return serveControl({ edge: this.#edge, path, extra })
  }

  async #upgrade(program: string): Promise<void> {
    if (this.#isHandingOver) throw new SluiceError('STATE_CONFLICT', 'the edge is being replaced already')
    const { directory, log } = this.#options
    const aside = await this.#serve(join(directory, `${process.pid}.sock`))
    this.#edge.flush()
    await this.#disk.write()
    this.#isHandingOver = true
    try {
      const { descriptors, saved, health } = this.#edge.handOver()
      this.#successor = await startSuccessor({
        directory,
        program,
        descriptors,
        takeOver: { saved, health, predecessor: aside.path },
      })
    } catch (error) {
      this.#isHandingOver = false
      await aside.close()
      throw error
    }
    this.#edge.leave()
    log(`handed over to pid ${this.#successor.pid}`)
    void this.#control?.close()
    void this.#fadeOut(aside)
  }

  async #fadeOut(aside: ControlServer): Promise<void> {
    while (this.#edge.connections > 0) await sleep(50)
    await this.#edge.close()
    await rm(aside.path, { force: true })
    this.#successor?.disconnect()
    this.#options.log('the last connection is gone')
    setTimeout(this.#options.exit, 50)
  }

  /** On disk as long as this process is the edge; to the next one after that. */
  #archive(): SampleArchive {
    return {
      add: (batches) => {
        if (this.#successor !== null) sendLate(this.#successor, batches)
        else this.#disk.add(batches)
      },
      write: async () => {
        if (!this.#isHandingOver) await this.#disk.write()
      },
      read: () => this.#disk.read(),
    }
  }
}
