import { type Socket, connect } from 'node:net'

/** A connection on which anything may be said. */
export type RawConnection = {
  say(text: string): void
  /** Resolves with all that was heard, once it matches. */
  heard(pattern: RegExp): Promise<string>
  /** Resolves with all that was heard, once the server has closed the connection. */
  readonly closed: Promise<string>
  end(): void
}

/** Connects to a port of 127.0.0.1. */
export async function openRaw(port: number): Promise<RawConnection> {
  const socket = connect(port, '127.0.0.1')
  let text = ''
  socket.setEncoding('latin1')
  socket.on('data', (chunk: string) => {
    text += chunk
    socket.emit('heard')
  })
  socket.on('error', () => undefined) // A reset is a close.
  const closed = new Promise<string>((resolve) => {
    socket.once('close', () => resolve(text))
  })
  await new Promise((resolve) => socket.once('connect', resolve))
  return {
    say: (words) => void socket.write(words, 'latin1'),
    heard: (pattern) => matching(socket, pattern, () => text),
    closed,
    end: () => void socket.destroy(),
  }
}

function matching(socket: Socket, pattern: RegExp, text: () => string): Promise<string> {
  return new Promise((resolve, reject) => {
    const look = () => {
      if (pattern.test(text())) resolve(text())
      else if (socket.closed) reject(new Error(`closed before ${pattern}; heard: ${text()}`))
      else socket.once('heard', look)
    }
    socket.once('close', look)
    look()
  })
}
