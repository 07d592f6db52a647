import { connect } from 'node:net'

/** Sends bytes to a loopback port and resolves with the first bytes of the answer. */
export function tcpExchange(port: number, bytes: string | Uint8Array, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', signal })
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('the connection was closed without an answer')))
    socket.once('data', (answer) => {
      resolve(answer.toString('latin1'))
      socket.destroy()
    })
    socket.write(bytes)
  })
}
