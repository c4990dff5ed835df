import { database } from './database.ts'
import { isStopping, onStop } from './lifecycle.ts'
import { postsAfter, readPost, type Post } from './posts.ts'

type Listener = (post: Post) => void

const listeners = new Set<Listener>()
let listening: Promise<unknown> | undefined

/** One LISTEN connection for all readers of this process. */
async function listen(): Promise<void> {
  listening ??= database().listen('posts', (payload) => void announce(Number(payload)))
  try {
    await listening
  } catch (error) {
    listening = undefined
    throw error
  }
}

async function announce(id: number): Promise<void> {
  if (listeners.size === 0) return
  const post = await readPost(id, null).catch(() => null)
  if (post) for (const listener of listeners) listener(post)
}

const HEARTBEAT_MS = 15_000

/** Server-sent events of new posts, from the post after `lastSeen` on. Ends cleanly when the process is told to stop. */
export async function liveStream(lastSeen: number | null): Promise<ReadableStream<Uint8Array>> {
  await listen()
  const encoder = new TextEncoder()
  let stop = () => {}
  return new ReadableStream<Uint8Array>({
    async start(controller) {
      let sent = lastSeen ?? 0
      let ended = false
      const send = (text: string) => {
        if (!ended) controller.enqueue(encoder.encode(text))
      }
      const sendPost = (post: Post) => {
        if (post.id <= sent) return
        sent = post.id
        send(`id: ${post.id}\nevent: post\ndata: ${JSON.stringify(post)}\n\n`)
      }
      const heartbeat = setInterval(() => send(': still here\n\n'), HEARTBEAT_MS)
      const forget = onStop(() => {
        stop()
        controller.close()
      })
      stop = () => {
        ended = true
        clearInterval(heartbeat)
        listeners.delete(sendPost)
        forget()
      }
      send('retry: 1000\n\n')
      if (isStopping()) {
        stop()
        controller.close()
        return
      }
      listeners.add(sendPost)
      if (lastSeen !== null) for (const post of await postsAfter(lastSeen)) sendPost(post)
    },
    cancel: () => stop(),
  })
}
