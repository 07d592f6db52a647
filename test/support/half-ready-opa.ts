import { type IncomingMessage, createServer } from 'node:http'
import { text } from 'node:stream/consumers'

/** Stands before an OPA. Ready to look at; until it recovers it answers 503 to whatever is a real question. */
export type HalfReadyOpa = AsyncDisposable & { readonly url: string; readonly recover: () => void }

export async function startHalfReadyOpa(target: string): Promise<HalfReadyOpa> {
  let recovered = false
  const answer = async ({ method = 'GET', url = '/', headers }: IncomingMessage, body: string) => {
    const isProbe = method === 'GET' || body === '{"input":{"requests":{}}}'
    if (!recovered && !isProbe) return new Response('overloaded', { status: 503 })
    const { accept = '*/*', 'content-type': type = 'application/json' } = headers
    return fetch(`${target}${url}`, { method, headers: { accept, 'content-type': type }, ...(body !== '' && { body }) })
  }
  const server = createServer((request, response) => {
    const relay = async () => {
      const answered = await answer(request, await text(request))
      const type = answered.headers.get('content-type') ?? 'text/plain'
      response.writeHead(answered.status, { 'content-type': type }).end(await answered.text())
    }
    relay().catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('it does not listen on a port')
  return {
    url: `http://127.0.0.1:${address.port}`,
    recover: () => void (recovered = true),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
