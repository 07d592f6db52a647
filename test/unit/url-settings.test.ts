import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { loadConfig } from '../../src/config/load-config.ts'

const ENCODE = /"@", "\/", "\?", "#" and "%" are percent-encoded/
const BESIDE: Readonly<Record<string, Record<string, string>>> = {
  JOBWARDEN_BUNDLES_URL: { JOBWARDEN_BUNDLES_TOKEN_FILE: '/token' },
  JOBWARDEN_PRODUCER_KEYS_URL: { JOBWARDEN_PRODUCER_KEYS_FILE: '/keys' },
}

/** What the loader says of one setting; nothing when it takes it. */
function saidOf(name: string, value: string): string {
  try {
    loadConfig({ [name]: value, ...BESIDE[name] })
    return ''
  } catch (error) {
    return error instanceof Error ? error.message : ''
  }
}

describe('a URL is refused before anything connects', () => {
  const wrong: readonly (readonly [name: string, url: string, problem: RegExp])[] = [
    ['REDIS_URL', 'http://h', /must start with redis:\/\/ or rediss:\/\//],
    ['REDIS_URL', '127.0.0.1:6379', /must start with redis:/],
    ['REDIS_URL', 'redis:h', /must start with redis:/],
    ['REDIS_URL', 'redis://', /names no host/],
    ['REDIS_URL', 'redis:///1', /names no host/],
    ['REDIS_URL', 'redis://:6379', /is not a URL/],
    ['REDIS_URL', 'redis://h:0', /the port must be 1 to 65535/],
    ['REDIS_URL', 'redis://:pw@h:70000', /the port must be 1 to 65535/],
    ['REDIS_URL', 'redis://h/jobs', /the database after the host must be a whole number, such as \/0/],
    ['REDIS_URL', 'redis://h/-1', /whole number/],
    ['REDIS_URL', 'redis://h/1.5', /whole number/],
    ['REDIS_URL', 'redis://h/0x1', /whole number/],
    ['REDIS_URL', 'redis://h/1/2', /whole number/],
    ['REDIS_URL', 'redis://h/%31', /whole number/],
    ['REDIS_URL', 'redis://h?db=3', /has a query/],
    ['REDIS_URL', 'redis://h?', /has a query/],
    ['REDIS_URL', 'redis://h/1#', /has a fragment/],
    ['REDIS_URL', 'redis://h h', /a space, a line break/],
    ['REDIS_URL', 'redis://h1,h2', /names several hosts/],
    ['REDIS_URL', 'redis://höst', /neither a name nor an address/],
    ['DATABASE_URL', 'mysql://h/db', /must start with postgres:\/\/ or postgresql:\/\//],
    ['DATABASE_URL', 'postgres:///db', /names no host/],
    ['DATABASE_URL', 'postgres://h/a/b', /the name of the database/],
    ['DATABASE_URL', 'postgres://h/a%zz', /the name of the database/],
    ['DATABASE_URL', 'postgres://h1,h2/db', /names several hosts/],
    ['DATABASE_URL', 'postgres://h/db?pgbouncer=true', /an unknown query parameter; the known ones are host, sslmode,/],
    ['DATABASE_URL', 'postgres://h/db?sslmode=disable&sslmode=require', /twice/],
    ['DATABASE_URL', 'postgres://h/db#x', /has a fragment/],
    ['OPA_URL', 'ftp://h', /must start with http:\/\/ or https:\/\//],
    ['OPA_URL', 'http://', /is not a URL/],
    ['OPA_URL', 'http://h:99999', /the port/],
    ['OPA_URL', 'http://h/opa', /must end after the host/],
    ['OPA_URL', 'http://u:pw@h', /must not name a user or a password/],
    ['OPA_URL', 'http://h?token=pw', /has a query/],
    ['OPA_URL', 'unix:opa.sock', /must be absolute/],
    ['OPA_URL', 'unix:', /must be absolute/],
    ['BUNDLES_URL', 'bundles:8383', /must start with http/],
    ['BUNDLES_URL', 'https://ci:pw@h', /must not name a user/],
    ['BUNDLES_URL', 'https://h/a?token=pw', /has a query/],
    ['BUNDLES_URL', 'https://h/a%', /percent-encoded/],
    ['PRODUCER_KEYS_URL', 'file:///keys.json', /must start with https:\/\/ or http:\/\//],
    ['PRODUCER_KEYS_URL', 'http://keys/jwks.json', /it must be https:\/\//],
    ['PRODUCER_KEYS_URL', 'http://127.0.0.1.evil.example/jwks.json', /it must be https:\/\//],
    ['PRODUCER_KEYS_URL', 'http://0.0.0.0/jwks.json', /it must be https:\/\//],
    ['PRODUCER_KEYS_URL', 'https://u:pw@keys/jwks.json', /must not name a user/],
    ['PRODUCER_KEYS_URL', 'https://keys/jwks.json?key=pw', /has a query/],
  ]
  test.each(wrong)('JOBWARDEN_%s=%s', (name, url, problem) => {
    const said = saidOf(`JOBWARDEN_${name}`, url)
    expect(said).toMatch(problem)
    expect(said).toContain(`JOBWARDEN_${name}: `)
  })

  test('all problems of all URLs are told at once', () => {
    const env = {
      JOBWARDEN_REDIS_URL: 'redis://h/jobs?x',
      JOBWARDEN_DATABASE_URL: 'postgres://h/a/b#',
      JOBWARDEN_OPA_URL: 'http://h/x',
    }
    expect(() => loadConfig(env)).toThrow(
      /REDIS_URL: the database[^]*REDIS_URL: has a query[^]*DATABASE_URL: the name[^]*DATABASE_URL: has a fragment[^]*OPA_URL/,
    )
  })
})

test.each([
  ['REDIS_URL', 'redis://h'],
  ['REDIS_URL', 'rediss://worker:p%40%2F%3F%23%25@h.example:6380/15'],
  ['REDIS_URL', 'redis://:p:w@[::1]:6379/'],
  ['REDIS_URL', 'redis://redis_1'],
  ['DATABASE_URL', 'postgres://u:p%25@h:5432/my%2Fdb?application_name=a&sslmode=disable'],
  ['DATABASE_URL', 'postgresql://u@%2Fvar%2Frun%2Fpostgresql/db'],
  ['DATABASE_URL', 'postgresql://u@localhost/db?host=/var/run/postgresql'],
  ['DATABASE_URL', 'postgresql:///db?host=/var/run/postgresql'],
  ['OPA_URL', 'https://opa:8181/'],
  ['OPA_URL', 'unix:/run/opa socket'],
  ['BUNDLES_URL', 'https://bundles.example/under/a/path/'],
  ['PRODUCER_KEYS_URL', 'https://keys.example/.well-known/jwks.json'],
  ['PRODUCER_KEYS_URL', 'http://127.0.0.1:8080/jwks.json'],
  ['PRODUCER_KEYS_URL', 'http://[::1]/'],
  ['PRODUCER_KEYS_URL', 'http://localhost/jwks.json'],
])('JOBWARDEN_%s=%s is taken', (name, url) => {
  expect(saidOf(`JOBWARDEN_${name}`, url)).toBe('')
})

describe('a password in a URL', () => {
  const settings = [
    ['JOBWARDEN_REDIS_URL', 'redis'],
    ['JOBWARDEN_DATABASE_URL', 'postgres'],
  ] as const

  test.each(['@', '/', '?', '#', '%', '%zz', '%ff', '/0@', '#@:'])(
    'with a raw "%s" is to be percent-encoded',
    (raw) => {
      for (const [name, scheme] of settings)
        for (const user of ['', 'user', 'us%er'])
          expect(saidOf(name, `${scheme}://${user}:hun${raw}ter@host:1/0`)).toMatch(ENCODE)
    },
  )

  test('is taken percent-encoded, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (password) => {
        for (const [name, scheme] of settings)
          expect(saidOf(name, `${scheme}://u:${encodeURIComponent(password)}@host/0`)).toBe('')
      }),
    )
  })

  test('is quoted by no message, nor is any part of it', () => {
    const piece = fc.stringMatching(/^[QXZ]{3,6}$/) // In no message of ours.
    const glue = fc.constantFrom('@', '/', '?', '#', '%', ':', ' ', '\n', ',', '[', '\\', '%40', '&', '=')
    const tail = fc.constantFrom('', '/0', '/jobs', ':99999/1', '?x=1', '/a/b', '?sslmode=none')
    const hostile = fc.tuple(piece, glue, piece, glue, piece).map((parts) => parts.join(''))
    const schemes = fc.constantFrom('redis://', 'postgres://', 'http://', 'https://', 'unix:', 'ftp://', '')
    fc.assert(
      fc.property(hostile, schemes, tail, fc.constantFrom('u', '', 'a%'), (password, scheme, end, user) => {
        for (const name of ['REDIS_URL', 'DATABASE_URL', 'OPA_URL', 'BUNDLES_URL', 'PRODUCER_KEYS_URL'])
          expect(saidOf(`JOBWARDEN_${name}`, `${scheme}${user}:${password}@host${end}`)).not.toMatch(/[QXZ]{3}/)
      }),
      { numRuns: 500 },
    )
  })
})
