import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { NO_LIMITS } from '../../src/domain/producer-limits.ts'
import { ProducerKeys, producerOf } from '../../src/signing/producer-keys.ts'
import { type ServedKeys, keysInForce, parseServedKeys } from '../../src/signing/served-keys.ts'
import { TEST_KEY } from '../support/a-command.ts'

const x = 'A'.repeat(43)
const edwards = (kid: string, rest: Record<string, unknown> = {}) => ({ kty: 'OKP', crv: 'Ed25519', kid, x, ...rest })
const served = (producer: string, kids: unknown) => ({ producer, kids, may: { ...NO_LIMITS, users: ['user_*'] } })
const fileOf = (...entries: readonly unknown[]) => ProducerKeys.parse({ keys: [TEST_KEY], served: entries })
const parsed = (keys: readonly unknown[]) => parseServedKeys(JSON.stringify({ keys }))

function servedKeys(keys: readonly unknown[]): ServedKeys {
  const found = parsed(keys)
  if ('refused' in found) throw new Error(found.refused)
  return found
}

describe('a file of producer keys', () => {
  test.each<[string, Record<string, unknown>]>([
    ['holds nothing', { keys: [] }],
    ['has a member that nobody knows', { keys: [TEST_KEY], serves: [] }],
    ['names one key for two producers', { keys: [], served: [served('a', ['k']), served('b', ['k'])] }],
    ['names it by a beginning', { keys: [], served: [served('a', ['k-*']), served('b', ['k-eu-1'])] }],
    ['names beginnings that meet', { keys: [], served: [served('a', ['k-eu*']), served('b', ['k-*'])] }],
    ['names every key and another', { keys: [], served: [served('a', 'all'), served('b', ['k'])] }],
    ['gives keys of the URL no limits', { keys: [], served: [{ producer: 'a', kids: ['k'] }] }],
    ['has "all" in a list', { keys: [{ ...TEST_KEY, may: { ...NO_LIMITS, users: ['all'] } }] }],
    ['has a key of 31 bytes', { keys: [{ ...edwards('k', { alg: 'EdDSA' }), x: x.slice(1) }] }],
  ])('is refused when it %s', (_what, file) => {
    expect(ProducerKeys.safeParse(file).success).toBe(false)
  })

  test('may hold no key of its own, and names that begin alike for one producer', () => {
    const file = { keys: [], served: [served('a', ['k-1', 'k-1*']), served('b', ['k-2*'])] }
    expect(ProducerKeys.safeParse(file).error).toBeUndefined()
  })

  test('names the producer, who is the key unless told', () => {
    expect([producerOf(TEST_KEY), producerOf({ ...TEST_KEY, producer: 'orders' })]).toEqual(['test-producer', 'orders'])
  })
})

describe('of a JWKS', () => {
  test('Ed25519 keys count, and nothing is read of them but name and key', () => {
    const keys = [
      edwards('a'),
      edwards('b', { alg: 'EdDSA', use: 'sig', key_ops: ['verify'] }),
      edwards('c', { may: NO_LIMITS, producer: 'root', until: 'never', x5c: ['…'] }),
    ]
    expect(servedKeys(keys)).toEqual({ keys: ['a', 'b', 'c'].map((kid) => ({ kid, x })), unusable: [] })
  })

  test.each<[string, Record<string, unknown>, RegExp]>([
    ['RSA', { kty: 'RSA', kid: 'k', n: 'AQAB', e: 'AQAB' }, /^kty: /],
    ['of another curve', edwards('k', { crv: 'X25519' }), /^crv: /],
    ['of an unknown kind', { kty: 'LATTICE', kid: 'k' }, /^kty: /],
    ['for another algorithm', edwards('k', { alg: 'ES256' }), /^alg: /],
    ['for encryption', edwards('k', { use: 'enc' }), /^use: /],
    ['for wrapping keys', edwards('k', { key_ops: ['wrapKey'] }), /^key_ops: must hold "verify"/],
    ['too short', edwards('k', { x: 'AAAA' }), /^x: must be 32 bytes/],
    ['without its value', edwards('k', { x: undefined }), /^x: /],
  ])('a key that is %s is left out, and told of', (_what, key, why) => {
    expect(servedKeys([key, edwards('good')])).toEqual({
      keys: [{ kid: 'good', x }],
      unusable: [{ kid: 'k', why: expect.stringMatching(why) }],
    })
  })

  test('the first of two keys with one name counts', () => {
    const other = { ...edwards('k'), x: 'B'.repeat(43) }
    expect(servedKeys([edwards('k'), other])).toMatchObject({ keys: [{ x }], unusable: [{ kid: 'k' }] })
  })

  test.each([
    ['a secret', { kty: 'oct', kid: 'orders', alg: 'HS256', k: 'c2VjcmV0' }, 'c2VjcmV0'],
    ['a private key', { ...edwards('orders'), d: 'cHJpdmF0ZQ' }, 'cHJpdmF0ZQ'],
    ['a private key of a kind that is not used', { kty: 'RSA', kid: 'orders', n: 'AQAB', dp: 'ZHA' }, 'ZHA'],
    [
      'a private key as Node exports it',
      { ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' }), kid: 'orders' },
      '"d":',
    ],
  ])('%s makes all of it refused, named without its value', (_what, key, secret) => {
    const found = parsed([edwards('good'), key])
    expect(found).toEqual({ refused: expect.stringMatching(/the secret part .* of the key "orders" \(keys\.1\)/) })
    expect(JSON.stringify(found)).not.toContain(secret)
  })

  test.each([
    ['not JSON', '<html>'],
    ['not an object', '[]'],
    ['an object without keys', '{"error":"nobody is here"}'],
    ['of too many keys', JSON.stringify({ keys: Array.from({ length: 1_001 }, () => edwards('k')) })],
  ])('an answer that is %s is refused', (_what, text) => {
    expect(parseServedKeys(text)).toEqual({ refused: 'it does not serve a JWK Set of at most 1000 keys' })
  })
})

describe('what is in force', () => {
  test('is the file, and of the URL what the file admits, with the rights of the file', () => {
    const until = '2027-01-31T00:00:00Z'
    const orders = { ...served('orders', ['orders-*']), until }
    const { keys, unused } = keysInForce(fileOf(orders), servedKeys([edwards('orders-1'), edwards('stranger')]))
    expect(unused).toEqual([])
    expect(keys).toEqual([
      TEST_KEY,
      { ...edwards('orders-1'), alg: 'EdDSA', producer: 'orders', may: orders.may, until },
    ])
  })

  test('a key of the file is not replaced by one of the same name at the URL', () => {
    const { keys, unused } = keysInForce(fileOf(served('any', 'all')), servedKeys([edwards(TEST_KEY.kid)]))
    expect(keys).toEqual([TEST_KEY])
    expect(unused).toEqual([{ kid: TEST_KEY.kid, why: 'the file has a key of this name' }])
  })

  test('keys that nobody admits are not even told of', () => {
    const rsa = (kid: string) => ({ kty: 'RSA', kid, n: 'AQAB', e: 'AQAB' })
    const { unused } = keysInForce(fileOf(served('orders', ['orders-*'])), servedKeys([rsa('orders-1'), rsa('mail')]))
    expect(unused.map(({ kid }) => kid)).toEqual(['orders-1'])
  })
})
