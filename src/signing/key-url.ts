import { Agent, errors, request } from 'undici'
import { Failure, messageOf } from '../domain/failure.ts'
import { readTlsFiles } from '../parsing/connection-files.ts'
import { NO_SERVED_KEYS, type ServedKeys, parseServedKeys } from './served-keys.ts'

export type KeyUrlOptions = {
  readonly url: string
  /** PEM file of the authority that signs the server's certificate; the well-known ones unless told. */
  readonly caFile?: string | undefined
}

/** A question and its answer may take this long together. */
const PATIENCE_MS = 5_000
const MAX_BYTES = 1_048_576

/** The pause before the next question: the usual one, and the bounds of one that `max-age` of an answer gives. */
const PAUSE_SECONDS = { least: 2, usual: 10, most: 30 } as const

/** Asks a JWKS URL for its keys. It follows no redirect: the settings name the host that is trusted. */
export class KeyUrl implements AsyncDisposable {
  readonly #url: string
  readonly #agent: Agent
  #last: { readonly etag: string | undefined; readonly keys: ServedKeys } = { etag: undefined, keys: NO_SERVED_KEYS }
  #pauseMs: number = PAUSE_SECONDS.usual * 1_000

  private constructor(url: string, agent: Agent) {
    this.#url = url
    this.#agent = agent
  }

  /** Asks nothing yet. @throws Failure JW_CONFIG_INVALID when the file of the authority cannot be read */
  static open({ url, caFile }: KeyUrlOptions): KeyUrl {
    const connect = readTlsFiles('JOBWARDEN_PRODUCER_KEYS_URL', { caFile })
    // No connection is kept between questions: they are far apart.
    return new KeyUrl(url, new Agent({ connect, pipelining: 0, allowH2: false, maxResponseSize: MAX_BYTES }))
  }

  /** The pause before the next question, as the last answer asks for it, within bounds. */
  get pauseMs(): number {
    return this.#pauseMs
  }

  /** The keys as they are served now. @throws Failure JW_KEYS_UNAVAILABLE */
  async ask(): Promise<ServedKeys> {
    this.#pauseMs = PAUSE_SECONDS.usual * 1_000
    const { etag } = this.#last
    const { statusCode, headers, text } = await this.#get(etag)
    if (statusCode !== 200 && !(statusCode === 304 && etag !== undefined)) throw this.#failure(refusalOf(statusCode))
    this.#pauseMs = pauseOf(String(headers['cache-control'] ?? ''))
    if (statusCode === 304) return this.#last.keys
    const keys = parseServedKeys(text)
    if ('refused' in keys) throw this.#failure(keys.refused)
    const newEtag = headers['etag']
    this.#last = { etag: typeof newEtag === 'string' ? newEtag : undefined, keys }
    return keys
  }

  async #get(etag: string | undefined) {
    const signal = AbortSignal.timeout(PATIENCE_MS)
    try {
      const { statusCode, headers, body } = await request(this.#url, {
        dispatcher: this.#agent,
        signal,
        headers: {
          accept: 'application/jwk-set+json, application/json',
          ...(etag !== undefined && { 'if-none-match': etag }),
        },
      })
      return { statusCode, headers, text: await body.text() }
    } catch (error) {
      throw this.#failure(signal.aborted ? `it did not answer within ${PATIENCE_MS} ms` : reasonOf(error), error)
    }
  }

  #failure(why: string, cause?: unknown): Failure {
    return new Failure('JW_KEYS_UNAVAILABLE', `JOBWARDEN_PRODUCER_KEYS_URL ${this.#url}: ${why}`, { cause })
  }

  /** Ends a question that is under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy()
  }
}

function refusalOf(status: number): string {
  return status >= 300 && status < 400
    ? `it answered ${status}: a redirect is not followed; name the place itself`
    : `it answered ${status}`
}

/** The pause that an answer asks for by `max-age` (RFC 9111). The bounds keep a key from counting long after it is gone. */
function pauseOf(cacheControl: string): number {
  const { least, usual, most } = PAUSE_SECONDS
  const [, maxAge] = /(?:^|[\s,])max-age=(\d+)/i.exec(cacheControl) ?? []
  const seconds = /no-store|no-cache/i.test(cacheControl) ? least : maxAge === undefined ? usual : Number(maxAge)
  return Math.min(Math.max(seconds, least), most) * 1_000
}

/** A host with several addresses fails with one error for each, and says nothing itself. */
function reasonOf(error: unknown): string {
  if (error instanceof errors.ResponseExceededMaxSizeError) return `it answered more than ${MAX_BYTES} bytes`
  if (error instanceof AggregateError) return error.errors.map(messageOf).join(', ')
  return messageOf(error)
}
