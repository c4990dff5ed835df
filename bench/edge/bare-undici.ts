import { createServer } from 'node:http'
import { Pool } from 'undici'

// The least that a proxy on undici can do: `bare-undici.ts PORT ORIGIN`.
const [port, origin] = process.argv.slice(2).map(Number)
const pool = new Pool(`http://127.0.0.1:${origin}`, { connections: 128, pipelining: 1 })

createServer((request, response) => {
  const { method = 'GET', url = '/', rawHeaders } = request
  pool.dispatch(
    { path: url, method: method as 'GET', headers: rawHeaders, body: null },
    {
      onRequestStart: () => {},
      onResponseStart: (_, status, headers) => response.writeHead(status, headers as Record<string, string>),
      onResponseData: (_, chunk) => response.write(chunk),
      onResponseEnd: () => response.end(),
      onResponseError: () => response.destroy(),
    },
  )
}).listen(port, '127.0.0.1')
