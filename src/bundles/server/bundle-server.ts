import { type IncomingMessage, type RequestListener, type ServerResponse, createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { toFailure } from '../../domain/failure.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { type Answer, refusal } from './answer.ts'
import { BundleService, type BundleServiceOptions } from './bundle-service.ts'

export type BundleServerOptions = BundleServiceOptions & {
  readonly host: string
  readonly port: number
  readonly tls?: { readonly cert: Buffer; readonly key: Buffer } | undefined
}

export type BundleServer = { readonly port: number; close(): Promise<void> }

/** Starts to listen. `docs/policy-bundles.md` has the protocol. @throws what `BundleService.open` does; the error of listening */
export async function startBundleServer({ host, port, tls, ...options }: BundleServerOptions): Promise<BundleServer> {
  const service = await BundleService.open(options)
  const stopping = new AbortController()
  const listener: RequestListener = (request, response) => {
    void respond(service, request, response, stopping.signal, options.log)
  }
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener)
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, host, resolve)
    })
  } catch (error) {
    await service.close()
    throw error
  }
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    close: async () => {
      stopping.abort() // Whoever waits for a bundle is answered now.
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
      })
      await service.close()
    },
  }
}

async function respond(
  service: BundleService,
  request: IncomingMessage,
  response: ServerResponse,
  stopping: AbortSignal,
  log: Logger,
): Promise<void> {
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  let answer: Answer
  try {
    answer = await service.answer(request, AbortSignal.any([gone.signal, stopping]))
  } catch (error) {
    log.error({ err: toFailure(error), method: request.method, path: request.url }, 'a request failed')
    answer = serverError(error)
  }
  write(answer, request, response, stopping)
}

function write(
  { status, headers, body }: Answer,
  request: IncomingMessage,
  response: ServerResponse,
  stopping: AbortSignal,
) {
  const bytes =
    body instanceof Buffer ? body : body === undefined ? undefined : Buffer.from(`${JSON.stringify(body)}\n`)
  response.writeHead(status, {
    ...(bytes !== undefined && { 'content-type': 'application/json', 'content-length': bytes.length }),
    'cache-control': 'no-store',
    // What is left of a body that was refused is not read.
    ...((stopping.aborted || !request.complete) && { connection: 'close' }),
    ...headers,
  })
  response.end(bytes)
}

const FULL = new Set(['ENOSPC', 'EDQUOT'])

function serverError(error: unknown): Answer {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return FULL.has(code)
    ? refusal(507, `the disk of the bundle server is full (${code}); what was served before is served still`)
    : refusal(500, 'the bundle server failed; its log says why')
}
