import { compactVerify, decodeProtectedHeader, errors } from 'jose'
import type { CommandVerifier, Verification } from './command-verifier.ts'
import { type ProducerKey, type ProducerJwk, importProducerKey } from './producer-keys.ts'

/** The `typ` of a signed command: a JWS made for another purpose with the same key is not a command. */
export const COMMAND_TYP = 'jobwarden-command+jws'

const decoder = new TextDecoder('utf-8', { fatal: true })

/** Verifies commands against the registered producer keys. The key, never the header, chooses the algorithm. */
export class JwsVerifier implements CommandVerifier {
  readonly #keys: ReadonlyMap<string, ProducerKey>

  private constructor(keys: ReadonlyMap<string, ProducerKey>) {
    this.#keys = keys
  }

  static async create(jwks: readonly ProducerJwk[]): Promise<JwsVerifier> {
    const keys = await Promise.all(jwks.map((jwk) => importProducerKey(jwk, 'verify')))
    return new JwsVerifier(new Map(keys.map((key) => [key.kid, key])))
  }

  async verify(jws: string): Promise<Verification> {
    let header
    try {
      header = decodeProtectedHeader(jws)
    } catch {
      return refuse('malformed_signature', 'the job does not carry a compact JWS')
    }
    const key = this.#keys.get(typeof header.kid === 'string' ? header.kid : '')
    if (key === undefined) return refuse('unknown_producer', 'the command is signed by no registered producer key')
    if (header.alg !== key.alg)
      return refuse('wrong_algorithm', `the producer "${key.kid}" signs with ${key.alg}, this command is not`)
    if (header.typ !== COMMAND_TYP) return refuse('wrong_type', `the signature is not of the type ${COMMAND_TYP}`)
    try {
      const { payload } = await compactVerify(jws, key.key, { algorithms: [key.alg] })
      return { payload: decoder.decode(payload), producer: key.kid }
    } catch (error) {
      if (error instanceof errors.JWSSignatureVerificationFailed)
        return refuse('bad_signature', `the signature is not that of the producer "${key.kid}"`)
      if (error instanceof errors.JOSEError || error instanceof TypeError)
        return refuse('malformed_signature', 'the job does not carry a compact JWS of UTF-8 text')
      throw error
    }
  }
}

function refuse(code: string, message: string): Verification {
  return { refused: { code, message } }
}
