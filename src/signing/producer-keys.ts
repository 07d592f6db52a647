import { type KeyObject, createSecretKey, webcrypto } from 'node:crypto'
import { importJWK } from 'jose'
import { z } from 'zod'
import { Failure } from '../domain/failure.ts'
import { NO_LIMITS, Names, ProducerLimits, names } from '../domain/producer-limits.ts'

/** The name of a key or of a producer. */
export const PlainName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'must be a plain name of up to 64 letters, digits, ".", "_" and "-"')

/** 32 bytes of Ed25519 (RFC 8037 section 2). */
export const EdwardsBytes = z.string().regex(/^[A-Za-z0-9_-]{43}$/, 'must be 32 bytes in base64url')

const Until = z.iso.datetime().optional()
const registration = { producer: PlainName.optional(), may: ProducerLimits.optional(), until: Until }
const SecretKey = z.strictObject({
  kid: PlainName,
  ...registration,
  kty: z.literal('oct'),
  alg: z.literal('HS256'),
  k: z
    .string()
    .regex(/^[A-Za-z0-9_-]+$/, 'must be base64url')
    .refine((k) => Buffer.from(k, 'base64url').length >= 32, 'must hold at least 32 bytes'),
})
const EdwardsKey = z.strictObject({
  kid: PlainName,
  ...registration,
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  alg: z.literal('EdDSA'),
  x: EdwardsBytes,
  d: EdwardsBytes.optional(),
})

/**
 * A producer's key as in a JWK Set (RFC 7517). `producer` names who signs with it in the ledger, the trail and the policies:
 * `kid` unless told. `may` says for whom it speaks, and `until` when it ends.
 */
export const ProducerJwk = z.discriminatedUnion('kty', [SecretKey, EdwardsKey])
export type ProducerJwk = z.infer<typeof ProducerJwk>

/** Keys of the JWKS URL that count, their producer and their limits. Rights are local: no server gives them. */
const ServedProducer = z.strictObject({ producer: PlainName, kids: Names, may: ProducerLimits, until: Until })
export type ServedProducer = z.infer<typeof ServedProducer>

/** A file of producer keys: a JWK Set, and what keys of the JWKS URL may do. */
export const ProducerKeys = z
  .strictObject({
    keys: z
      .array(ProducerJwk)
      .refine((keys) => new Set(keys.map(({ kid }) => kid)).size === keys.length, 'must have different names ("kid")'),
    served: z
      .array(ServedProducer)
      .refine((served) => !overlap(served), 'must not name the same key ("kids") for two producers')
      .optional(),
  })
  .refine(({ keys, served = [] }) => keys.length + served.length > 0, {
    path: ['keys'],
    message: 'must hold a key, unless "served" names those of a URL',
  })
export type ProducerKeys = z.infer<typeof ProducerKeys>

/** Whether a key can be one of two producers: then the order of a list would say who signs. */
function overlap(served: readonly ServedProducer[]): boolean {
  return served.some(({ kids }, index) => served.slice(index + 1).some((other) => meet(kids, other.kids)))
}

function meet(some: Names, others: Names): boolean {
  if (some === 'all' || others === 'all') return true
  return some.some((one) => names(others, one)) || others.some((other) => names(some, other))
}

/** Who signs with a key. */
export function producerOf({ producer, kid }: ProducerJwk): string {
  return producer ?? kid
}

/** A key ready for use, bound to the one algorithm it is registered for. */
export type ProducerKey = {
  readonly kid: string
  readonly producer: string
  readonly key: webcrypto.CryptoKey
  readonly limits: ProducerLimits
  /** Nothing that it signed is accepted from then on, in milliseconds since 1970. */
  readonly until: number
} & ({ readonly alg: 'HS256'; readonly secret: KeyObject } | { readonly alg: 'EdDSA' })

/** Imports a registered key once: jose imports a raw secret anew on every call, at three times the cost. */
export async function importProducerKey(jwk: ProducerJwk, usage: 'sign' | 'verify'): Promise<ProducerKey> {
  const until = jwk.until === undefined ? Infinity : Date.parse(jwk.until)
  const registered = { kid: jwk.kid, producer: producerOf(jwk), limits: jwk.may ?? NO_LIMITS, until }
  switch (jwk.kty) {
    case 'oct': {
      const secret = Buffer.from(jwk.k, 'base64url')
      const key = await webcrypto.subtle.importKey('raw', secret, { name: 'HMAC', hash: 'SHA-256' }, false, [usage])
      return { ...registered, alg: jwk.alg, key, secret: createSecretKey(secret) }
    }
    case 'OKP': {
      const { kty, crv, alg, x, d } = jwk
      if (usage === 'sign' && d === undefined)
        throw new Failure('JW_CONFIG_INVALID', `the key "${jwk.kid}" has no private part ("d") to sign with`)
      const key = await importJWK({ kty, crv, x, ...(usage === 'sign' && d !== undefined && { d }) }, alg)
      if (key instanceof Uint8Array) throw new Failure('JW_CONFIG_INVALID', `the key "${jwk.kid}" is not Ed25519`)
      return { ...registered, alg, key }
    }
    default:
      return jwk satisfies never
  }
}
