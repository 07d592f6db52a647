import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { redisOptions } from '../../src/config/adapter-options.ts'
import { loadConfig } from '../../src/config/load-config.ts'

const place = (env: Readonly<Record<string, string>>) => redisOptions(loadConfig(env))
const SENTINELS = { JOBWARDEN_REDIS_SENTINELS: 'a:1, [::1]:2', JOBWARDEN_REDIS_SENTINEL_NAME: 'queues' }
const CLUSTER = { JOBWARDEN_REDIS_CLUSTER: 'a:1,b:2', JOBWARDEN_QUEUE_PREFIX: '{jobwarden}' }

test('Redis is one machine unless told', () => {
  expect(place({}).place).toEqual({ kind: 'single', url: 'redis://127.0.0.1:6379' })
})

test('sentinels are a list with the name of the master, and have a password of their own', () => {
  expect(place({ ...SENTINELS, JOBWARDEN_REDIS_SENTINEL_PASSWORD: 's', JOBWARDEN_REDIS_PASSWORD: 'p' })).toMatchObject({
    password: 'p',
    place: {
      kind: 'sentinel',
      name: 'queues',
      password: 's',
      sentinels: [
        { host: 'a', port: 1 },
        { host: '::1', port: 2 },
      ],
    },
  })
})

test('a Cluster is a list of nodes', () => {
  const nodes = [
    { host: 'a', port: 1 },
    { host: 'b', port: 2 },
  ]
  expect(place(CLUSTER).place).toEqual({ kind: 'cluster', nodes })
})

test('a password file keeps the password out of the URL and out of messages', () => {
  const folder = mkdtempSync(join(tmpdir(), 'jobwarden-test-'))
  try {
    const file = join(folder, 'password')
    writeFileSync(file, 'hunter2\n')
    const env = { JOBWARDEN_REDIS_URL: 'redis://worker@host', JOBWARDEN_REDIS_PASSWORD_FILE: file }
    expect(place(env)).toMatchObject({ password: 'hunter2', place: { url: 'redis://worker@host' } })
    const both = { ...env, JOBWARDEN_REDIS_URL: 'redis://worker:hunter2@host' }
    expect(() => place(both)).toThrow(/REDIS_PASSWORD: JOBWARDEN_REDIS_URL holds a password as well/)
    expect(() => place(both)).not.toThrow(/hunter2/)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

describe('is refused, in words that say what to do', () => {
  const cases: readonly (readonly [string, Readonly<Record<string, string>>, RegExp])[] = [
    [
      'a Cluster without a hash tag',
      { ...CLUSTER, JOBWARDEN_QUEUE_PREFIX: 'jobwarden' },
      /QUEUE_PREFIX: must be a \{hash tag\}, such as \{jobwarden\}, on a Redis Cluster/,
    ],
    ['an empty hash tag', { ...CLUSTER, JOBWARDEN_QUEUE_PREFIX: '{}' }, /must be a \{hash tag\}/],
    ['two places', { ...SENTINELS, ...CLUSTER }, /REDIS_SENTINELS: there can be only one Redis, and .*REDIS_CLUSTER/],
    ['a URL and a Cluster', { ...CLUSTER, JOBWARDEN_REDIS_URL: 'redis://x' }, /REDIS_URL: there can be only one Redis/],
    ['sentinels without a name', { JOBWARDEN_REDIS_SENTINELS: 'a:1' }, /needs JOBWARDEN_REDIS_SENTINEL_NAME/],
    ['a name without sentinels', { JOBWARDEN_REDIS_SENTINEL_NAME: 'x' }, /REDIS_SENTINELS: needs/],
    ['TLS for no sentinel', { JOBWARDEN_REDIS_SENTINEL_TLS: 'true' }, /REDIS_SENTINELS: is not set, but/],
    ['a node without a port', { ...CLUSTER, JOBWARDEN_REDIS_CLUSTER: 'a' }, /REDIS_CLUSTER: must be host:port/],
    ['a port that is none', { ...CLUSTER, JOBWARDEN_REDIS_CLUSTER: 'a:70000' }, /REDIS_CLUSTER: must be host:port/],
    ['a URL that is none', { JOBWARDEN_REDIS_URL: 'redis://u:p#s@h' }, /REDIS_URL: is not a URL; .*percent-encoded/],
    [
      'a user twice',
      { JOBWARDEN_REDIS_URL: 'redis://a@h', JOBWARDEN_REDIS_USERNAME: 'b' },
      /REDIS_USERNAME: JOBWARDEN_REDIS_URL names a user as well/,
    ],
    [
      'TLS on a plain URL',
      { JOBWARDEN_REDIS_URL: 'redis://h', JOBWARDEN_REDIS_TLS: 'true' },
      /REDIS_TLS: a URL asks for TLS/,
    ],
    ['TLS files without TLS', { JOBWARDEN_REDIS_CA_FILE: 'ca.pem' }, /REDIS_CA_FILE: .*TLS is off/],
    [
      'a certificate without its key',
      { JOBWARDEN_REDIS_URL: 'rediss://h', JOBWARDEN_REDIS_CERT_FILE: 'c.pem' },
      /REDIS_CERT_FILE: mTLS needs both/,
    ],
  ]
  test.each(cases)('%s', (_what, env, problem) => {
    expect(() => loadConfig(env)).toThrow(problem)
  })
})
