import type { KeyObject } from 'node:crypto'
import { compactVerify, decodeProtectedHeader, errors } from 'jose'
import { LRUCache } from 'lru-cache'
import type { CommandVerifier, Verification } from '../enforcement/ports/command-verifier.ts'
import { type ProducerKey, type ProducerJwk, importProducerKey } from './producer-keys.ts'
import { verifyHmac } from './verify-hmac.ts'

/** The `typ` of a signed command: a JWS made for another purpose with the same key is not a command. */
export const COMMAND_TYP = 'jobwarden-command+jws'

type Refusal = Extract<Verification, { refused: unknown }>

const decoder = new TextDecoder('utf-8', { fatal: true })

const MALFORMED = refuse('malformed_signature', 'the job does not carry a compact JWS of UTF-8 text')

/** Verifies commands against the registered producer keys. The key, never the header, chooses the algorithm. */
export class JwsVerifier implements CommandVerifier {
  #keys: ReadonlyMap<string, ProducerKey> = new Map()
  readonly #signers = new LRUCache<string, ProducerKey | Refusal>({ max: 1_000 })

  private constructor() {}

  static async create(jwks: readonly ProducerJwk[]): Promise<JwsVerifier> {
    const verifier = new JwsVerifier()
    await verifier.replaceKeys(jwks)
    return verifier
  }

  /** From now on these keys count, and no others. @throws when one of them is not a key; then the old ones stay */
  async replaceKeys(jwks: readonly ProducerJwk[]): Promise<void> {
    const keys = await Promise.all(jwks.map((jwk) => importProducerKey(jwk, 'verify')))
    this.#keys = new Map(keys.map((key) => [key.kid, key]))
    this.#signers.clear()
  }

  async verify(jws: string): Promise<Verification> {
    const signer = this.#signerOf(jws)
    if ('refused' in signer) return signer
    if (signer.until <= Date.now()) return refuse('retired_producer', `${keyOf(signer)} is retired`)
    switch (signer.alg) {
      case 'HS256':
        return hmacVerification(jws, signer, signer.secret)
      case 'EdDSA':
        return edwardsVerification(jws, signer)
      default:
        return signer satisfies never
    }
  }

  /** The registered key that a header names. Producers repeat their header, so each is read once. */
  #signerOf(jws: string): ProducerKey | Refusal {
    const text = jws.slice(0, Math.max(jws.indexOf('.'), 0))
    const known = this.#signers.get(text)
    if (known !== undefined) return known
    const signer = this.#readHeader(jws)
    this.#signers.set(text, signer)
    return signer
  }

  #readHeader(jws: string): ProducerKey | Refusal {
    let header
    try {
      header = decodeProtectedHeader(jws)
    } catch {
      return refuse('malformed_signature', 'the job does not carry a compact JWS')
    }
    const key = this.#keys.get(typeof header.kid === 'string' ? header.kid : '')
    if (key === undefined) return refuse('unknown_producer', 'the command is signed by no registered producer key')
    if (header.alg !== key.alg)
      return refuse('wrong_algorithm', `${keyOf(key)} signs with ${key.alg}, this command is not signed so`)
    if (header.typ !== COMMAND_TYP) return refuse('wrong_type', `the signature is not of the type ${COMMAND_TYP}`)
    // Extensions that a verifier must understand (RFC 7515 section 4.1.11): this one understands none.
    if ('crit' in header || 'b64' in header)
      return refuse('malformed_signature', 'the signature demands extensions that are not supported')
    return key
  }
}

function hmacVerification(jws: string, signer: ProducerKey, secret: KeyObject): Verification {
  const verified = verifyHmac(jws, secret)
  if ('payload' in verified) return verification(verified.payload, signer)
  return verified.refused === 'malformed' ? MALFORMED : badSignature(signer)
}

async function edwardsVerification(jws: string, signer: ProducerKey): Promise<Verification> {
  try {
    return verification((await compactVerify(jws, signer.key, { algorithms: [signer.alg] })).payload, signer)
  } catch (error) {
    if (error instanceof errors.JWSSignatureVerificationFailed) return badSignature(signer)
    if (error instanceof errors.JOSEError) return MALFORMED
    throw error
  }
}

function verification(payload: Uint8Array, { producer, limits }: ProducerKey): Verification {
  try {
    return { payload: decoder.decode(payload), producer, limits }
  } catch {
    return MALFORMED // Signed, but not UTF-8.
  }
}

function badSignature(signer: ProducerKey): Refusal {
  return refuse('bad_signature', `the signature is not that of ${keyOf(signer)}`)
}

function keyOf({ kid, producer }: ProducerKey): string {
  return kid === producer ? `the key of the producer "${kid}"` : `the key "${kid}" of the producer "${producer}"`
}

function refuse(code: string, message: string): Refusal {
  return { refused: { code, message } }
}
