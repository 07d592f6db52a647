import { once } from 'node:events'
import { createServer } from 'node:http'
import type { Workspace } from '../devkit/workspace.ts'

/** An OTLP endpoint that drops the traces that it gets, so that the export costs the worker as much as in production. */
export type TraceSink = {
  readonly url: string
  /** How many bytes it has received since the start. */
  readonly received: () => number
}

export async function startTraceSink(workspace: Workspace): Promise<TraceSink> {
  let bytes = 0
  const server = createServer((request, response) => {
    request.on('data', (chunk: Buffer) => (bytes += chunk.length))
    request.on('end', () => response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the trace sink listens on no port')
  workspace.defer(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return { url: `http://127.0.0.1:${address.port}`, received: () => bytes }
}
