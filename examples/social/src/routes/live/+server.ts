import { liveStream } from '#lib/server/live.ts'
import type { RequestHandler } from './$types'

export const GET: RequestHandler = async ({ request, url }) => {
  const raw = request.headers.get('last-event-id') ?? url.searchParams.get('after') ?? ''
  const lastSeen = /^\d{1,9}$/.test(raw) ? Number(raw) : null
  return new Response(await liveStream(lastSeen), {
    headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store' },
  })
}
