import { z } from 'zod'
import { Failure, messageOf } from '../domain/failure.ts'
import { readTokenFile } from '../parsing/connection-files.ts'
import { ActivationsPage, EnvironmentNames, EnvironmentStatus, PushAnswer, RefusalBody } from './wire.ts'

export type BundleClientOptions = {
  readonly url: string
  /** It is read for every request, so the token may rotate. */
  readonly tokenFile: string
}

const PATIENCE_MS = 10_000
/** The server has OPA verify the bundle before it answers. */
const PUSH_PATIENCE_MS = 60_000

/**
 * A client of the bundle server.
 * Every method throws Failure JW_BUNDLES_UNAVAILABLE when the server does not answer as it should, JW_BUNDLES_REFUSED
 * with the server's reason when it refuses, and JW_CONFIG_INVALID when the file of the token does not hold one.
 */
export class BundleClient {
  readonly #options: BundleClientOptions

  constructor(options: BundleClientOptions) {
    this.#options = options
  }

  /** The environments that the token may read. */
  async environments(): Promise<readonly string[]> {
    return (await this.#ask('GET', 'bundles', EnvironmentNames)).bundles
  }

  status(environment: string): Promise<EnvironmentStatus> {
    return this.#ask('GET', `bundles/${environment}/status`, EnvironmentStatus)
  }

  activations(environment: string, after: number): Promise<ActivationsPage> {
    return this.#ask('GET', `bundles/${environment}/activations?after=${after}`, ActivationsPage)
  }

  push(environment: string, bundle: Buffer): Promise<PushAnswer> {
    return this.#ask('PUT', `bundles/${environment}`, PushAnswer, bundle)
  }

  async #ask<Schema extends z.ZodType>(
    method: string,
    path: string,
    schema: Schema,
    body?: Buffer,
  ): Promise<z.infer<Schema>> {
    const { url } = this.#options
    const headers = { authorization: `Bearer ${await this.#token()}` }
    const signal = AbortSignal.timeout(body === undefined ? PATIENCE_MS : PUSH_PATIENCE_MS)
    const init = { method, headers, signal, redirect: 'error', ...(body && { body: new Uint8Array(body) }) } as const
    let response: Response
    let answer: unknown
    try {
      response = await fetch(`${url.replace(/\/$/, '')}/${path}`, init)
      answer = await response.json()
    } catch (error) {
      throw new Failure('JW_BUNDLES_UNAVAILABLE', `${url}: ${reasonOf(error)}`, { cause: error })
    }
    if (!response.ok) throw refusalOf(url, response.status, answer)
    const parsed = schema.safeParse(answer)
    if (parsed.success) return parsed.data
    throw new Failure('JW_BUNDLES_UNAVAILABLE', `${url}: sent an unexpected answer to ${method} ${path}`)
  }

  async #token(): Promise<string> {
    const { tokenFile } = this.#options
    try {
      return await readTokenFile(tokenFile)
    } catch (error) {
      throw new Failure('JW_CONFIG_INVALID', `JOBWARDEN_BUNDLES_TOKEN_FILE: ${messageOf(error)}`, { cause: error })
    }
  }
}

function refusalOf(url: string, status: number, answer: unknown): Failure {
  const parsed = RefusalBody.safeParse(answer)
  const why = parsed.success ? parsed.data.error : 'it did not say why'
  return new Failure(status < 500 ? 'JW_BUNDLES_REFUSED' : 'JW_BUNDLES_UNAVAILABLE', `${url} (${status}): ${why}`)
}

/** `fetch` only says "fetch failed", and keeps the reason as the cause of its error. */
function reasonOf(error: unknown): string {
  return error instanceof Error && error.cause instanceof Error && error.cause.message !== ''
    ? error.cause.message
    : messageOf(error)
}
