import { type KeyObject, createHmac, timingSafeEqual } from 'node:crypto'

/** The payload of a compact JWS that HMAC-SHA-256 signs (RFC 7515, RFC 7518 section 3.2), or why there is none. */
export type HmacVerification = { readonly payload: Uint8Array } | { readonly refused: 'malformed' | 'bad signature' }

/**
 * Verifies HS256 at once. jose goes through WebCrypto, which hands every signature to a thread of the pool: that costs
 * several times the HMAC itself, for every command (docs/adr/0009).
 */
export function verifyHmac(jws: string, secret: KeyObject): HmacVerification {
  const parts = jws.split('.')
  const [header, payload, signature] = parts
  if (parts.length !== 3 || payload === undefined || signature === undefined) return { refused: 'malformed' }
  // Compared as text: of all spellings of a signature in base64url only the canonical one is right.
  const expected = Buffer.from(createHmac('sha256', secret).update(`${header}.${payload}`).digest('base64url'))
  const given = Buffer.from(signature)
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return { refused: 'bad signature' }
  return { payload: Buffer.from(payload, 'base64url') }
}
