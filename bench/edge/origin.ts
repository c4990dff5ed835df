import { createServer } from 'node:net'

// An application that costs next to nothing: `origin.ts PORT BYTES` answers every request with as many bytes.
const [port, bytes] = process.argv.slice(2).map(Number)
const body = 'x'.repeat(bytes ?? 100)
const answer = Buffer.from(
  `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nCache-Control: no-store\r\nDate: ${new Date().toUTCString()}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
)
createServer({ noDelay: true }, (socket) => {
  let tail = ''
  socket.on('data', (data) => {
    tail += data.toString('latin1')
    for (let end = tail.indexOf('\r\n\r\n'); end >= 0; end = tail.indexOf('\r\n\r\n')) {
      tail = tail.slice(end + 4)
      socket.write(answer)
    }
  })
  socket.on('error', () => socket.destroy())
}).listen(port, '127.0.0.1')
