import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

// Systems pick the ports of outgoing connections from 32768 (Linux) or 49152 on. A server on such a port could find it
// taken after a restart, and a client that retries a dead port in that range can even connect to itself.
const LOWEST = 20_000
const HIGHEST = 32_000
const TRIES = 100

const given = new Set<number>()

/** A TCP port of 127.0.0.1 that nothing listens on and that was not given to this process before. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const port = randomInt(LOWEST, HIGHEST)
    if (given.has(port)) continue
    given.add(port)
    if (await canListen(port)) return port
  }
  throw new Error(`no free port between ${LOWEST} and ${HIGHEST} in ${TRIES} tries`)
}

/** Starts something on a free port. If somebody took that port in the meantime, it tries once more on another one. */
export async function onFreePort<Started>(start: (port: number) => Promise<Started>): Promise<Started> {
  try {
    return await start(await freePort())
  } catch (error) {
    if (!/address already in use|port is already allocated/i.test(String(error))) throw error
    return start(await freePort())
  }
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)))
  })
}
