import { Client, type Dispatcher, Pool, errors } from 'undici'
import { Failure, messageOf } from '../domain/failure.ts'
import { type TlsFiles, type TlsMaterial, readTlsFiles, readTokenFile } from '../parsing/connection-files.ts'
import { PdpFailure } from './pdp-failure.ts'

export type OpaTransportOptions = TlsFiles & {
  /** `http://host:port`, `https://host:port`, or `unix:/path/to/socket`. */
  readonly url: string
  readonly connections: number
  /** At most this many bytes of an answer are read. */
  readonly maxResponseBytes: number
  /** A file that holds a bearer token. It is read for every call, because the token may rotate. */
  readonly tokenFile?: string | undefined
}

export type OpaRequest = {
  readonly method: 'GET' | 'POST'
  /** A constant of this code base, never job data: OPA evaluates paths. */
  readonly path: string
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly signal: AbortSignal
}

export type OpaResponse = { readonly status: number; readonly body: string }

/** Carries requests to one OPA over kept-alive connections. */
export class OpaTransport {
  readonly #pool: Pool
  readonly #options: OpaTransportOptions

  private constructor(pool: Pool, options: OpaTransportOptions) {
    this.#pool = pool
    this.#options = options
  }

  /** @throws Failure JW_CONFIG_INVALID when the URL is not one or a TLS file cannot be used */
  static open(options: OpaTransportOptions): OpaTransport {
    const tls = readTlsFiles('OPA', options)
    try {
      return new OpaTransport(openPool(options, tls), options)
    } catch (error) {
      throw new Failure('JW_CONFIG_INVALID', `JOBWARDEN_OPA_URL cannot be used: ${messageOf(error)}`, { cause: error })
    }
  }

  /** @throws Failure JW_PDP_UNREACHABLE | JW_PDP_TIMEOUT (the signal) | JW_PDP_BAD_RESPONSE (too large) */
  async send({ method, path, body, headers, signal }: OpaRequest): Promise<OpaResponse> {
    try {
      const token = await this.#token()
      const response = await this.#pool.request({
        method,
        path,
        body: body ?? null,
        signal,
        headers: {
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
          ...headers,
        },
      })
      return { status: response.statusCode, body: await this.#read(response.body, path) }
    } catch (error) {
      throw transportFailure(error, method, path, signal)
    }
  }

  async close(): Promise<void> {
    await this.#pool.destroy()
  }

  async #token(): Promise<string | undefined> {
    const { tokenFile } = this.#options
    if (tokenFile === undefined) return undefined
    try {
      return await readTokenFile(tokenFile)
    } catch (error) {
      throw new PdpFailure('JW_PDP_REJECTED', messageOf(error), { cause: error })
    }
  }

  async #read(body: Dispatcher.ResponseData['body'], path: string): Promise<string> {
    const { maxResponseBytes } = this.#options
    const chunks: Uint8Array[] = []
    let size = 0
    for await (const chunk of body) {
      if (!(chunk instanceof Uint8Array)) continue
      size += chunk.length
      if (size > maxResponseBytes)
        throw new PdpFailure('JW_PDP_BAD_RESPONSE', `OPA ${path} answered more than ${maxResponseBytes} bytes`)
      chunks.push(chunk)
    }
    return Buffer.concat(chunks).toString('utf8')
  }
}

function openPool({ url, connections }: OpaTransportOptions, tls: TlsMaterial): Pool {
  const socketPath = url.startsWith('unix:') ? url.slice('unix:'.length) : undefined
  return new Pool(socketPath === undefined ? url : 'http://localhost', {
    connections,
    connect: { ...tls, ...(socketPath !== undefined && { socketPath }) },
    pipelining: 1,
    factory: (origin, clientOptions) => new Client(origin, clientOptions),
  })
}

function transportFailure(error: unknown, method: string, path: string, signal: AbortSignal): Failure {
  if (error instanceof Failure) return error
  const what = `OPA ${method} ${path}`
  const timedOut = [errors.HeadersTimeoutError, errors.BodyTimeoutError, errors.ConnectTimeoutError]
  if (signal.aborted || timedOut.some((type) => error instanceof type))
    return new PdpFailure('JW_PDP_TIMEOUT', `${what} did not answer within its deadline`, { cause: error })
  // A host with several addresses fails with one error for each of them, and no message of its own.
  const why = error instanceof AggregateError ? error.errors.map(messageOf).join(', ') : messageOf(error)
  return new PdpFailure('JW_PDP_UNREACHABLE', `${what}: ${why}`, { cause: error })
}
