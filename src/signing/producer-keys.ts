import { type KeyObject, createSecretKey, webcrypto } from 'node:crypto'
import { importJWK } from 'jose'
import { z } from 'zod'
import { Failure } from '../domain/failure.ts'
import { NO_LIMITS, ProducerLimits } from '../domain/producer-limits.ts'

/**
 * A producer's key as in a JWK Set (RFC 7517). `kid` names the producer in the ledger and the trail, `may` says for whom it
 * speaks, and `until` when it ends.
 */
const kid = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'must be a plain name')
const base64url = z.string().regex(/^[A-Za-z0-9_-]+$/, 'must be base64url')
const registration = { may: ProducerLimits.optional(), until: z.iso.datetime().optional() }
const SecretKey = z.strictObject({
  ...registration,
  kty: z.literal('oct'),
  kid,
  alg: z.literal('HS256'),
  k: base64url.refine((k) => Buffer.from(k, 'base64url').length >= 32, 'must hold at least 32 bytes'),
})
const EdwardsKey = z.strictObject({
  ...registration,
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  kid,
  alg: z.literal('EdDSA'),
  x: base64url,
  d: base64url.optional(),
})
export const ProducerJwk = z.discriminatedUnion('kty', [SecretKey, EdwardsKey])
export type ProducerJwk = z.infer<typeof ProducerJwk>
export const ProducerJwks = z.strictObject({
  keys: z
    .array(ProducerJwk)
    .min(1)
    .refine((keys) => new Set(keys.map((key) => key.kid)).size === keys.length, 'must have different names ("kid")'),
})

/** A key ready for use, bound to the one algorithm it is registered for. */
export type ProducerKey = {
  readonly kid: string
  readonly key: webcrypto.CryptoKey
  readonly limits: ProducerLimits
  /** Nothing that it signed is accepted from then on, in milliseconds since 1970. */
  readonly until: number
} & ({ readonly alg: 'HS256'; readonly secret: KeyObject } | { readonly alg: 'EdDSA' })

/** Imports a registered key once: jose imports a raw secret anew on every call, at three times the cost. */
export async function importProducerKey(jwk: ProducerJwk, usage: 'sign' | 'verify'): Promise<ProducerKey> {
  const until = jwk.until === undefined ? Infinity : Date.parse(jwk.until)
  const registered = { kid: jwk.kid, limits: jwk.may ?? NO_LIMITS, until }
  switch (jwk.kty) {
    case 'oct': {
      const secret = Buffer.from(jwk.k, 'base64url')
      const key = await webcrypto.subtle.importKey('raw', secret, { name: 'HMAC', hash: 'SHA-256' }, false, [usage])
      return { ...registered, alg: jwk.alg, key, secret: createSecretKey(secret) }
    }
    case 'OKP': {
      if (usage === 'sign' && jwk.d === undefined)
        throw new Failure('JW_CONFIG_INVALID', `the key "${jwk.kid}" has no private part ("d") to sign with`)
      const { d: _private, may: _may, until: _until, ...publicPart } = jwk
      const key = await importJWK(
        usage === 'sign' && jwk.d !== undefined ? { ...publicPart, d: jwk.d } : publicPart,
        jwk.alg,
      )
      if (key instanceof Uint8Array) throw new Failure('JW_CONFIG_INVALID', `the key "${jwk.kid}" is not Ed25519`)
      return { ...registered, alg: jwk.alg, key }
    }
    default:
      return jwk satisfies never
  }
}
