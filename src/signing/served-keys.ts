import { z } from 'zod'
import { names } from '../domain/producer-limits.ts'
import { issuesInWords } from '../parsing/issues-in-words.ts'
import { jsonOrUndefined } from '../parsing/parse-json.ts'
import { EdwardsBytes, PlainName, type ProducerJwk, type ProducerKeys } from './producer-keys.ts'

/** The usable public keys that a JWKS URL serves, and why the others cannot be used. */
export type ServedKeys = {
  readonly keys: readonly ServedKey[]
  readonly unusable: readonly Unused[]
}
type ServedKey = { readonly kid: string; readonly x: string }

/** A key that does not count. */
export type Unused = { readonly kid: string; readonly why: string }

/** Nothing is served. */
export const NO_SERVED_KEYS: ServedKeys = { keys: [], unusable: [] }

const Jwks = z.object({ keys: z.array(z.looseObject({ kid: z.unknown() })).max(1_000) })

/** The members of a key that are read. Whatever else it says is ignored, above all what it may do. */
const PublicKey = z.object({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  kid: PlainName,
  x: EdwardsBytes,
  alg: z.literal('EdDSA').optional(),
  use: z.literal('sig').optional(),
  key_ops: z
    .array(z.string())
    .refine((uses) => uses.includes('verify'), 'must hold "verify"')
    .optional(),
})

/** Members that hold a secret, or a private part of a key (RFC 7518 section 6; keys of the type AKP have `priv`). */
const SECRET_MEMBERS = ['k', 'd', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'priv'] as const

/**
 * Reads a JWK Set that is public. It leaves out keys that it does not understand, as RFC 7517 section 5 says, and refuses the
 * whole set for one secret or private key. No message quotes a key.
 */
export function parseServedKeys(text: string): ServedKeys | { readonly refused: string } {
  const parsed = Jwks.safeParse(jsonOrUndefined(text))
  if (!parsed.success) return { refused: 'it does not serve a JWK Set of at most 1000 keys' }
  const keys = new Map<string, ServedKey>()
  const unusable: Unused[] = []
  for (const [index, jwk] of parsed.data.keys.entries()) {
    const kid = typeof jwk.kid === 'string' ? jwk.kid.slice(0, 64) : ''
    const secret = SECRET_MEMBERS.find((member) => member in jwk)
    if (secret !== undefined)
      return {
        refused: `it serves the secret part ("${secret}") of the key ${JSON.stringify(kid)} (keys.${index}): replace that key, for whoever can read the URL can sign with it`,
      }
    const key = PublicKey.safeParse(jwk)
    if (!key.success) unusable.push({ kid, why: issuesInWords(key.error, 'the key').join('; ') })
    else if (keys.has(kid)) unusable.push({ kid, why: 'there is another key of this name before it' })
    else keys.set(kid, { kid, x: key.data.x })
  }
  return { keys: [...keys.values()], unusable }
}

/** The keys of the file, and those of the URL that it admits, with the rights that it gives them. */
export function keysInForce(
  { keys, served = [] }: ProducerKeys,
  url: ServedKeys,
): { readonly keys: readonly ProducerJwk[]; readonly unused: readonly Unused[] } {
  const own = new Set(keys.map(({ kid }) => kid))
  const admission = (kid: string) => served.find(({ kids }) => names(kids, kid))
  const admitted = url.keys.flatMap(({ kid, x }): ProducerJwk[] => {
    const rights = admission(kid)
    if (rights === undefined || own.has(kid)) return []
    const { producer, may, until } = rights
    return [{ kty: 'OKP', crv: 'Ed25519', kid, alg: 'EdDSA', x, producer, may, ...(until !== undefined && { until }) }]
  })
  const doubled = url.keys
    .filter(({ kid }) => own.has(kid))
    .map(({ kid }) => ({ kid, why: 'the file has a key of this name' }))
  const unused = [...url.unusable, ...doubled].filter(({ kid }) => admission(kid) !== undefined)
  return { keys: [...keys, ...admitted], unused }
}
