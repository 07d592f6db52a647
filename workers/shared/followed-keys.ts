import { isDeepStrictEqual } from 'node:util'
import pLimit from 'p-limit'
import { readProducerKeys } from '../../src/config/read-producer-keys.ts'
import type { Config } from '../../src/config/settings.ts'
import { NO_LIMITS } from '../../src/domain/producer-limits.ts'
import { Failure, toFailure } from '../../src/domain/failure.ts'
import { type Repeating, repeat } from '../../src/process/repeat.ts'
import { JwsVerifier } from '../../src/signing/jws-verifier.ts'
import { KeyUrl } from '../../src/signing/key-url.ts'
import type { ProducerKeys } from '../../src/signing/producer-keys.ts'
import { NO_SERVED_KEYS, type ServedKeys, keysInForce } from '../../src/signing/served-keys.ts'
import type { Logger } from '../../src/telemetry/logger.ts'

/** The file is read this often: a mounted secret is replaced by a link, which no watcher sees everywhere. */
const LOOK_EVERY_MS = 2_000

type Source = 'file' | 'URL'
type Sources = { readonly file: ProducerKeys; readonly url: ServedKeys }
type InForce = ReturnType<typeof keysInForce>

/**
 * The producers' keys as their file and their URL have them now. A source that cannot be used changes nothing; the log and
 * the figures say so.
 */
export class FollowedKeys implements AsyncDisposable {
  readonly verifier: JwsVerifier
  readonly #log: Logger
  readonly #url: KeyUrl | undefined
  readonly #following: Repeating[] = []
  readonly #oneAtATime = pLimit(1)
  readonly #problems = new Map<Source, Failure>()
  #sources: Sources
  #inForce: InForce
  #closing = false

  private constructor(verifier: JwsVerifier, sources: Sources, url: KeyUrl | undefined, log: Logger) {
    this.verifier = verifier
    this.#sources = sources
    this.#inForce = keysInForce(sources.file, sources.url)
    this.#url = url
    this.#log = log
    this.#warn()
  }

  /** @throws Failure JW_CONFIG_INVALID | JW_KEYS_UNAVAILABLE: a worker that lacks keys would refuse commands for good */
  static async open(config: Config, log: Logger): Promise<FollowedKeys> {
    const { producerKeysUrl, producerKeysCaFile: caFile } = config
    const url = producerKeysUrl === undefined ? undefined : KeyUrl.open({ url: producerKeysUrl, caFile })
    const readFile = async () => ({ file: await readKeysFile(config) })
    const askUrl = async () => ({ url: url === undefined ? NO_SERVED_KEYS : await url.ask() })
    const sources = { ...(await readFile()), ...(await askUrl()) }
    const { keys } = keysInForce(sources.file, sources.url)
    if (keys.length === 0)
      throw new Failure('JW_KEYS_UNAVAILABLE', `${producerKeysUrl} serves no key that "served" of the file names`)
    const followed = new FollowedKeys(await JwsVerifier.create(keys), sources, url, log)
    followed.#follow('file', readFile, () => LOOK_EVERY_MS)
    if (url !== undefined) followed.#follow('URL', askUrl, () => url.pauseMs)
    return followed
  }

  /** For `/readyz`: the names of the keys that count, and why a source cannot be used now, if it cannot. */
  get figures(): { readonly known: readonly string[]; readonly problem?: string } {
    const problems = [...this.#problems.values()].map(({ message }) => message)
    return {
      known: this.#inForce.keys.map(({ kid }) => kid),
      ...(problems.length > 0 && { problem: problems.join('\n') }),
    }
  }

  #follow(source: Source, look: () => Promise<Partial<Sources>>, pauseMs: () => number): void {
    const take = async () => {
      const seen = await look()
      await this.#oneAtATime(() => this.#take(source, seen))
      this.#problems.delete(source)
    }
    this.#following.push(repeat(take, pauseMs, (error) => this.#complain(source, error), 'after a pause'))
  }

  async #take(source: Source, seen: Partial<Sources>): Promise<void> {
    const sources = { ...this.#sources, ...seen }
    const inForce = keysInForce(sources.file, sources.url)
    const isNew = !isDeepStrictEqual(inForce, this.#inForce)
    if (isNew) await this.verifier.replaceKeys(inForce.keys)
    this.#sources = sources
    this.#inForce = inForce
    if (!isNew) return
    const keys = inForce.keys.map(({ kid }) => kid)
    this.#log.info({ keys }, `producer keys: the ${source} has changed, and counts now`)
    this.#warn()
  }

  #complain(source: Source, error: unknown): void {
    if (this.#closing) return // Closing ends a question that is under way.
    const failure = toFailure(error)
    if (this.#problems.get(source)?.message !== failure.message)
      this.#log.error({ err: failure }, `producer keys: the ${source} cannot be used; what it had before still counts`)
    this.#problems.set(source, failure)
  }

  #warn(): void {
    const { keys, unused } = this.#inForce
    const unlimited = keys.filter(({ may = NO_LIMITS }) => may.users === 'all' && may.roles === 'all')
    if (unlimited.length > 0)
      this.#log.warn(
        { keys: unlimited.map(({ kid }) => kid) },
        'producer keys that limit neither users nor roles: whoever has one may speak for everybody',
      )
    if (unused.length > 0) this.#log.warn({ unused }, 'producer keys: these of the URL do not count')
    if (this.#url !== undefined && !admitsServed(this.#sources.file))
      this.#log.warn('producer keys: no key of the URL counts, for the file has no "served"')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing = true
    await this.#url?.[Symbol.asyncDispose]()
    await Promise.all(this.#following.map((each) => each.stop()))
  }
}

function admitsServed({ served = [] }: ProducerKeys): boolean {
  return served.length > 0
}

async function readKeysFile({ producerKeysFile: file, producerKeysUrl: url }: Config): Promise<ProducerKeys> {
  const keys = await readProducerKeys(file)
  if (url !== undefined || !admitsServed(keys)) return keys
  const why = 'served: JOBWARDEN_PRODUCER_KEYS_URL has to name where these keys are served'
  throw new Failure('JW_CONFIG_INVALID', `JOBWARDEN_PRODUCER_KEYS_FILE ${file}:\n  ${why}`)
}
