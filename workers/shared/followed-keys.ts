import { isDeepStrictEqual } from 'node:util'
import { readProducerKeys } from '../../src/config/read-producer-keys.ts'
import { type Failure, toFailure } from '../../src/domain/failure.ts'
import { type Repeating, repeat } from '../../src/process/repeat.ts'
import { JwsVerifier } from '../../src/signing/jws-verifier.ts'
import type { ProducerJwk } from '../../src/signing/producer-keys.ts'
import type { Logger } from '../../src/telemetry/logger.ts'

/** The file is read this often: a mounted secret is replaced by a link, which no watcher sees everywhere. */
const LOOK_EVERY_MS = 2_000

/** The producers' keys as their file has them now. A file that cannot be used changes nothing, and is told of. */
export class FollowedKeys implements AsyncDisposable {
  readonly verifier: JwsVerifier
  readonly #file: string | undefined
  readonly #log: Logger
  readonly #looking: Repeating
  #keys: readonly ProducerJwk[]
  #problem: Failure | undefined

  private constructor(file: string | undefined, keys: readonly ProducerJwk[], verifier: JwsVerifier, log: Logger) {
    this.#file = file
    this.#keys = keys
    this.verifier = verifier
    this.#log = log
    tellUnlimited(keys, log)
    this.#looking = repeat(
      () => this.#look(),
      LOOK_EVERY_MS,
      (error) => this.#mind(error),
    )
  }

  /** @throws Failure JW_CONFIG_INVALID: without keys there is nothing to start with */
  static async open(file: string | undefined, log: Logger): Promise<FollowedKeys> {
    const keys = await readProducerKeys(file)
    return new FollowedKeys(file, keys, await JwsVerifier.create(keys), log)
  }

  /** For `/readyz`: whose keys count, and why the file cannot be used now, if it cannot. */
  get figures(): { readonly known: readonly string[]; readonly problem?: string } {
    return {
      known: this.#keys.map(({ kid }) => kid),
      ...(this.#problem !== undefined && { problem: this.#problem.message }),
    }
  }

  async #look(): Promise<void> {
    const keys = await readProducerKeys(this.#file)
    if (!isDeepStrictEqual(keys, this.#keys)) {
      await this.verifier.replaceKeys(keys)
      this.#keys = keys
      this.#log.info({ producers: keys.map(({ kid }) => kid) }, 'producer keys: the file has changed, and counts now')
      tellUnlimited(keys, this.#log)
    }
    this.#problem = undefined
  }

  #mind(error: unknown): void {
    const failure = toFailure(error)
    if (this.#problem?.message !== failure.message)
      this.#log.error({ err: failure }, 'producer keys: the file cannot be used; those that it had before still count')
    this.#problem = failure
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#looking.stop()
  }
}

function tellUnlimited(keys: readonly ProducerJwk[], log: Logger): void {
  const producers = keys.filter(({ may }) => may === undefined).map(({ kid }) => kid)
  if (producers.length > 0)
    log.warn({ producers }, 'producer keys without limits: whoever has one may speak for everybody')
}
