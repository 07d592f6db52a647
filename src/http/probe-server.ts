import { type Server, type ServerResponse, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Something a worker depends on. `why` says what is wrong while it is down; it may hold no secret. */
export type Component = () => Promise<{ readonly up: true } | { readonly up: false; readonly why: string }>

export type ProbeServerOptions = {
  readonly port: number
  readonly host: string
  readonly components: Readonly<Record<string, Component>>
  /** Figures that operators may look at, such as hits of a cache. */
  readonly figures?: () => Readonly<Record<string, unknown>>
}

export type ProbeServer = { readonly port: number; close(): Promise<void> }

/** A component that has not answered by then is down. */
const PATIENCE_MS = 2_000

/**
 * Answers probes: `/livez` (the process is alive), `/readyz` (everything it needs is up, else 503 and what is not) and
 * the article's `/health` (healthy, or degraded with OPA down and 503).
 */
export async function startProbeServer(options: ProbeServerOptions): Promise<ProbeServer> {
  const server = createServer((request, response) => {
    void answer(request.url ?? '', response, options)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.host, resolve)
  })
  return { port: portOf(server), close: () => closeServer(server) }
}

async function answer(url: string, response: ServerResponse, options: ProbeServerOptions): Promise<void> {
  const [path = ''] = url.split('?')
  switch (path) {
    case '/livez':
      return send(response, 200, { status: 'alive' })
    case '/readyz': {
      const states = await look(options.components)
      const ready = Object.values(states).every((state) => state === 'up')
      return send(response, ready ? 200 : 503, {
        status: ready ? 'ready' : 'not ready',
        ...states,
        ...options.figures?.(),
      })
    }
    case '/health': {
      const { opa = 'up' } = await look(options.components)
      const healthy = opa === 'up'
      return send(response, healthy ? 200 : 503, {
        status: healthy ? 'healthy' : 'degraded',
        opa: healthy ? 'up' : 'down',
      })
    }
    default:
      return send(response, 404, { error: 'try /livez, /readyz or /health' })
  }
}

async function look(components: ProbeServerOptions['components']): Promise<Record<string, string>> {
  const states = Object.entries(components).map(async ([name, component]) => {
    const late = new Promise<{ up: false; why: string }>((resolve) => {
      setTimeout(() => resolve({ up: false, why: `no answer within ${PATIENCE_MS} ms` }), PATIENCE_MS).unref()
    })
    const state = await Promise.race([component(), late])
    return [name, state.up ? 'up' : `down: ${state.why}`] as const
  })
  return Object.fromEntries(await Promise.all(states))
}

function send(response: ServerResponse, status: number, body: Record<string, unknown>): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
  response.end(`${JSON.stringify(body)}\n`)
}

function portOf(server: Server): number {
  const address: AddressInfo | string | null = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

async function closeServer(server: Server): Promise<void> {
  server.closeAllConnections()
  await new Promise<void>((resolve) => {
    server.close(() => resolve())
  })
}
