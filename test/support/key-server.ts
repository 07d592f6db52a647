import { hash } from 'node:crypto'
import { type IncomingMessage, type ServerResponse, createServer as createHttp } from 'node:http'
import { createServer as createHttps } from 'node:https'

type Answer = (request: IncomingMessage, response: ServerResponse) => void

/** A server of a JWKS, and whatever a test wants it to answer instead. */
export type KeyServer = {
  readonly url: string
  /** What was asked, the latest at the end. */
  readonly asked: readonly IncomingMessage[]
  /** From now on it serves these keys, with an ETag. */
  serve(keys: readonly unknown[], headers?: Readonly<Record<string, string>>): void
  /** From now on it answers like this. */
  answer(answer: Answer): void
  close(): Promise<void>
}

/** Starts it on a free port of this machine, by TLS when it gets a certificate. */
export async function startKeyServer(tls?: { readonly cert: string; readonly key: string }): Promise<KeyServer> {
  const asked: IncomingMessage[] = []
  let answer = serving([], {})
  const listener: Answer = (request, response) => {
    asked.push(request)
    answer(request, response)
  }
  const server = tls === undefined ? createHttp(listener) : createHttps(tls, listener)
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}/jwks.json`,
    asked,
    serve: (keys, headers = {}) => {
      answer = serving(keys, headers)
    },
    answer: (other) => {
      answer = other
    },
    close: async () => {
      server.closeAllConnections()
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
      })
    },
  }
}

function serving(keys: readonly unknown[], headers: Readonly<Record<string, string>>): Answer {
  const body = JSON.stringify({ keys })
  const etag = `"${hash('sha256', body)}"`
  return (request, response) => {
    const isKnown = request.headers['if-none-match'] === etag
    response.writeHead(isKnown ? 304 : 200, { 'content-type': 'application/jwk-set+json', etag, ...headers })
    response.end(isKnown ? undefined : body)
  }
}
