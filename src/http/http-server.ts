import { type Server, createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Socket } from 'node:net'
import { type AppOptions, createApp } from './app.ts'

/** How long a client may take, in milliseconds. */
export type Bounds = {
  readonly headersMs: number
  /** For the whole request; the answer may take as long as it takes. */
  readonly requestMs: number
  readonly idleMs: number
  /** How often connections are held against the first two. */
  readonly checkEveryMs: number
  /** What still runs this long after the server was told to close is cut off. */
  readonly closeMs: number
}

const BOUNDS: Bounds = { headersMs: 15_000, requestMs: 60_000, idleMs: 5_000, checkEveryMs: 5_000, closeMs: 8_000 }

export type HttpServerOptions = AppOptions & {
  readonly host: string
  readonly port: number
  readonly tls?: { readonly cert: string | Buffer; readonly key: string | Buffer } | undefined
  readonly bounds?: Partial<Bounds>
}

export type HttpServer = {
  readonly port: number
  /** Takes no more connections, closes those that are idle, lets requests end, and then runs the `onClose` hooks. */
  close(): Promise<void>
}

/** Starts to listen. @throws the error of listening, after the `onClose` hooks of the routes */
export async function startHttpServer({ host, port, tls, bounds, ...options }: HttpServerOptions): Promise<HttpServer> {
  const { headersMs, requestMs, idleMs, checkEveryMs, closeMs } = { ...BOUNDS, ...bounds }
  const limits = {
    headersTimeout: headersMs,
    requestTimeout: requestMs,
    keepAliveTimeout: idleMs,
    connectionsCheckingInterval: checkEveryMs,
  }
  const app = createApp(options, (handler) =>
    tls === undefined ? createServer(limits, handler) : createTlsServer({ ...limits, ...tls }, handler),
  )
  // Node's own answer to what is no HTTP is a bare status, and none into a response that is on its way.
  app.server.removeAllListeners('clientError')
  const connections = new Connections(app.server)
  try {
    await app.listen({ host, port })
  } catch (error) {
    await app.close()
    throw error
  }
  const address = app.server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    close: async () => {
      connections.closeSilent()
      const bound = setTimeout(() => {
        options.log.warn({ connections: connections.cutOff(), closeMs }, `${options.name}: requests were cut off`)
      }, closeMs)
      await app.close()
      clearTimeout(bound)
    },
  }
}

/** Those that said nothing yet, or still shake hands, count for the server as being in use. */
class Connections {
  readonly #sockets = new Set<Socket>()
  #closing = false

  constructor(server: Server) {
    server.on('connection', (socket) => {
      if (this.#closing) socket.destroy()
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
  }

  /** Closes those on which nobody has said anything, now and from now on. */
  closeSilent(): void {
    this.#closing = true
    for (const socket of this.#sockets) if (socket.bytesRead === 0) socket.destroy()
  }

  /** Closes all, and returns how many there were. */
  cutOff(): number {
    for (const socket of this.#sockets) socket.destroy()
    return this.#sockets.size
  }
}
