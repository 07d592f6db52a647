import { createHmac, hash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MAX_ENTRY_BYTES } from '../../../src/audit/tree/entry-bundles.ts'
import { leafHash } from '../../../src/audit/tree/hashes.ts'
import { LeafRecord, MAX_ERASED, reasonCodes } from '../../../src/audit/tree/leaf-record.ts'
import { leafBytes, parseLeaf } from '../../../src/audit/tree/leaf.ts'
import {
  changedColumns,
  columnSalt,
  commitment,
  commitments,
  newSalt,
} from '../../../src/audit/tree/personal-columns.ts'
import { valueOf } from '../../support/audit-tree.ts'

// Bytes and digests were computed by a program in another language.
const SALT = Buffer.from(Array.from({ length: 32 }, (_, at) => at))
const PERSONAL = {
  userId: 'user_456',
  userRole: 'editor',
  resourceId: 'resource_2',
  jobId: 'cmd-1',
  reasons: [{ code: 'not_owner', message: 'Der Benutzer besitzt „resource_2“ nicht.' }],
  inputDigest: `sha256:${'ab'.repeat(32)}`,
}
const COMMITTED = {
  userId: 'd58e8e6e8a33667ed9595026612671f287a314d35ecc767fd33c22f3ed822791',
  userRole: '0b5328d431ba72b1b0d3739b8d1e09567b524fc5609a88c24b36bb92b32b002c',
  resourceId: '97fcf67d38233c0318d0cc5f4922c74b254cfc3956ca3660915f0dcc6de2681d',
  jobId: '9566aaa03cfce3744c97ab6d541fbd301b8b925890d6bfd0be97b0b0d70c47be',
  reasons: 'bed886cba209aad2c55dbfa0c532fe6eae41519306b010fc3970837a0fcc8af0',
  inputDigest: '17919e649589d2dc4827508bdbc1d003104b4977f488b93eff31bc9a1fadd952',
}
const DENIAL = {
  kind: 'denial',
  id: 'cmd-1',
  occurredAt: '2026-11-26T10:00:00.123Z',
  outcome: 'denied',
  reasonCodes: ['not_owner'],
  action: 'delete',
  resourceType: 'document',
  producer: 'orders',
  queue: 'commands',
  policyRevision: 'r1 é\u2028"',
  traceId: '0af7651916cd43dd8448eb211c80319c',
  personal: COMMITTED,
} as const satisfies LeafRecord
const BYTES =
  'jobwarden-leaf/v1\n' +
  '{"action":"delete","id":"cmd-1","kind":"denial","occurredAt":"2026-11-26T10:00:00.123Z","outcome":"denied",' +
  `"personal":{"inputDigest":"${COMMITTED.inputDigest}","jobId":"${COMMITTED.jobId}","reasons":"${COMMITTED.reasons}",` +
  `"resourceId":"${COMMITTED.resourceId}","userId":"${COMMITTED.userId}","userRole":"${COMMITTED.userRole}"},` +
  '"policyRevision":"r1 é\u2028\\"","producer":"orders","queue":"commands","reasonCodes":["not_owner"],' +
  '"resourceType":"document","traceId":"0af7651916cd43dd8448eb211c80319c"}'
const LEAF = '7f1b5924f81dbe1d71bd0fffa812659032a012cf572127d912ef4c030dd1ce58'

const DIGEST = 'ab'.repeat(32)
const common = { id: 'x', occurredAt: '2026-11-26T10:00:00.000Z' }
const bundleDigest = `sha256:${DIGEST}`

/** One of each kind, with everything that it may have, as large as it may be. */
const LONGEST: Record<LeafRecord['kind'], LeafRecord> = {
  denial: {
    ...DENIAL,
    id: '\u0001'.repeat(128),
    reasonCodes: Array.from({ length: 100 }, (_, at) => `a${String(at).padStart(63, '0')}`),
    resourceType: '\u0001'.repeat(64),
    producer: '\u0001'.repeat(64),
    caller: '\u0001'.repeat(256),
    queue: '\u0001'.repeat(256),
    policyRevision: '\u0001'.repeat(512),
    bundleDigest,
    traceId: '\u0001'.repeat(64),
    worker: '\u0001'.repeat(256),
  },
  act: {
    kind: 'act',
    ...common,
    stage: 'done',
    act: 'redrive',
    via: 'web',
    changed: 2 ** 53 - 1,
    failed: 0,
    personal: { by: DIGEST, target: DIGEST, reason: DIGEST, planDigest: DIGEST },
  },
  activation: {
    kind: 'activation',
    ...common,
    bundle: 'production',
    revision: '\u0001'.repeat(200),
    digest: bundleDigest,
    signedBy: 'key-1',
    commit: '\u0001'.repeat(128),
    committedAt: common.occurredAt,
    pushedAt: common.occurredAt,
    pushedBy: '\u0001'.repeat(256),
    firstSeenBy: '\u0001'.repeat(256),
    personal: { author: DIGEST },
  },
  reading: {
    kind: 'reading',
    ...common,
    stage: 'aborted',
    how: 'export',
    via: 'cli',
    rows: 1,
    treeSize: 2,
    firstIndex: 0,
    lastIndex: 1,
    personal: { by: DIGEST, filter: DIGEST, purpose: DIGEST },
  },
  erasure: {
    kind: 'erasure',
    ...common,
    indexes: Array.from({ length: MAX_ERASED }, (_, at) => 2 ** 53 - 1 - MAX_ERASED + at),
    personal: { by: DIGEST, reason: DIGEST },
  },
  heartbeat: { kind: 'heartbeat', ...common, sequencer: 'auditor-1', personal: {} },
}

describe('the bytes of a record', () => {
  test('are those that another language makes, and so is the hash of its leaf', () => {
    expect(leafBytes(DENIAL).toString()).toBe(BYTES)
    expect(leafHash(leafBytes(DENIAL)).toString('hex')).toBe(LEAF)
    expect(LEAF).toBe(hash('sha256', `\0${BYTES}`))
  })

  test('do not depend on the order of members, nor on members that are undefined', () => {
    const reversed = Object.fromEntries(Object.entries(DENIAL).toReversed())
    expect(leafBytes(LeafRecord.parse(reversed)).toString()).toBe(BYTES)
    expect(leafBytes({ ...DENIAL, caller: undefined }).toString()).toBe(BYTES)
  })

  test.each(Object.entries(LONGEST))('of the longest %s fit an entry, and come back as they were', (kind, record) => {
    const bytes = leafBytes(record)
    expect(bytes.length).toBeLessThanOrEqual(MAX_ENTRY_BYTES)
    expect(valueOf(parseLeaf(bytes))).toEqual(record)
    expect(record.kind).toBe(kind)
  })

  test('of any two different records differ', () => {
    const id = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter((text) => !text.includes('\0'))
    const record = fc.record({ id, queue: id, caller: fc.option(id, { nil: undefined }) })
    fc.assert(
      fc.property(record, record, (one, other) => {
        const [first, second] = [leafBytes({ ...DENIAL, ...one }), leafBytes({ ...DENIAL, ...other })]
        expect(first.equals(second)).toBe(
          one.id === other.id && one.queue === other.queue && one.caller === other.caller,
        )
        expect(valueOf(parseLeaf(first))).toMatchObject({ id: one.id, queue: one.queue })
      }),
    )
  })
})

describe('no record', () => {
  test.each([
    ['has a lone surrogate', { queue: 'a\ud800' }],
    ['has a NUL', { queue: 'a\0' }],
    ['has an empty text', { queue: '' }],
    ['has null for what is absent', { producer: null }],
    ['has a time with microseconds', { occurredAt: '2026-11-26T10:00:00.123456Z' }],
    ['has a time without milliseconds', { occurredAt: '2026-11-26T10:00:00Z' }],
    ['has a time with an offset', { occurredAt: '2026-11-26T10:00:00.123+01:00' }],
    ['is of the 30th of February', { occurredAt: '2026-02-30T10:00:00.123Z' }],
    ['has codes in another order', { reasonCodes: ['b', 'a'] }],
    ['has a code twice', { reasonCodes: ['a', 'a'] }],
    ['has no code', { reasonCodes: [] }],
    ['has too many codes', { reasonCodes: Array.from({ length: 101 }, (_, at) => `a${String(at).padStart(3, '0')}`) }],
    ['has an outcome that is not audited', { outcome: 'not_found' }],
    ['has a member that is not known', { user_id: 'user_456' }],
    ['has a personal value in the clear', { personal: { ...COMMITTED, userId: 'user_456' } }],
    ['has a personal column that is not known', { personal: { ...COMMITTED, email: DIGEST } }],
    ['has a digest in capitals', { personal: { ...COMMITTED, userId: DIGEST.toUpperCase() } }],
    ['lacks its reasons', { personal: {} }],
    ['lacks its personal part', { personal: undefined }],
    ['is of another kind', { kind: 'note' }],
  ])('%s', (_what, change) => {
    expect(LeafRecord.safeParse({ ...DENIAL, ...change }).success).toBe(false)
  })

  test.each([
    ['in another order', [2, 1]],
    ['twice', [1, 1]],
    ['below zero', [-1]],
    ['past 2^53', [2 ** 53]],
    ['of no leaf', []],
    ['of too many leaves', Array.from({ length: MAX_ERASED + 1 }, (_, at) => at)],
  ])('of an erasure has indexes %s', (_what, indexes) => {
    expect(LeafRecord.safeParse({ ...LONGEST.erasure, indexes }).success).toBe(false)
  })

  test('becomes a leaf by a type that lies, and the message tells the place alone', () => {
    expect(() => leafBytes({ ...DENIAL, queue: 'a\ud800' })).toThrow(
      /^JW_UNEXPECTED: the denial "cmd-1" fits no leaf: look at queue$/,
    )
  })
})

describe('a leaf that is read', () => {
  const { id: _id, ...withoutId } = DENIAL
  test.each([
    ['of another version', BYTES.replace('/v1', '/v2'), /known format/],
    ['without its first line', BYTES.slice(18), /known format/],
    ['with a space in it', BYTES.replace(',"id"', ', "id"'), /canonically/],
    ['with a line feed at its end', `${BYTES}\n`, /canonically/],
    ['with members in another order', `jobwarden-leaf/v1\n${JSON.stringify(DENIAL)}`, /canonically/],
    ['with a letter escaped', BYTES.replace('"orders"', '"\\u006frders"'), /canonically/],
    ['with a member twice', BYTES.replace('{"action"', '{"action":"read","action"'), /twice/],
    ['with a lone surrogate escaped', BYTES.replace('"orders"', '"\\ud800"'), /producer/],
    ['without its id', `jobwarden-leaf/v1\n${JSON.stringify(withoutId)}`, /look at id/],
    ['that nests deeply', `jobwarden-leaf/v1\n${'['.repeat(60_000)}`, /deeper/],
    ['that is no JSON', 'jobwarden-leaf/v1\n', /not JSON/],
    ['that reaches a prototype', BYTES.replace('{"action"', '{"__proto__":1,"action"'), /prototype/],
    ['in Latin-1', Buffer.from(BYTES, 'latin1'), /UTF-8|canonically/],
  ])('%s is refused', (_what, bytes, message) => {
    expect(parseLeaf(Buffer.from(bytes))).toEqual({
      refused: { code: 'malformed_leaf', message: expect.stringMatching(message) },
    })
  })

  test('tells nothing of what others put into it', () => {
    const hostile = BYTES.replace('"orders"', '"orders","\\u001b[2J":1').replace('"commands"', '"\\u0000secret"')
    const read = parseLeaf(Buffer.from(hostile))
    expect('refused' in read && read.refused.message).toBe('the leaf holds no record: look at queue')
  })
})

describe('personal values', () => {
  test('have the salt of their column by HMAC-SHA-256, as node:crypto makes it', () => {
    const salts = fc.uint8Array({ minLength: 1, maxLength: 64 })
    fc.assert(
      fc.property(salts, fc.string(), (salt, column) => {
        expect(columnSalt(salt, column)).toEqual(createHmac('sha256', salt).update(column).digest())
      }),
    )
  })

  test('are in the leaf as digests that another language makes', () => {
    expect(commitments(SALT, PERSONAL)).toEqual(COMMITTED)
  })

  test('that are absent have no digest', () => {
    expect(commitments(SALT, { userId: undefined, resourceId: 'r' })).toEqual({
      resourceId: commitment(columnSalt(SALT, 'resourceId'), 'r'),
    })
  })

  test('are not in the leaf, so that it stays as it is when they are erased', () => {
    const text = leafBytes(DENIAL).toString()
    for (const value of ['user_456', 'editor', 'resource_2', 'besitzt', 'ab'.repeat(32)])
      expect(text).not.toContain(value)
    // All that making a leaf takes is the record without salt and values.
    expect(leafHash(leafBytes(valueOf(parseLeaf(leafBytes(DENIAL))))).toString('hex')).toBe(LEAF)
  })

  test('that are equal cannot be told by their digests, in two records or two columns', () => {
    const [one, other] = [commitments(newSalt(), PERSONAL), commitments(newSalt(), PERSONAL)]
    expect(Object.keys(PERSONAL).filter((column) => one[column] === other[column])).toEqual([])
    const twice = commitments(newSalt(), { userId: 'same', resourceId: 'same' })
    expect(twice['userId']).not.toBe(twice['resourceId'])
  })

  test('of one column can be shown without the others', () => {
    const shown = columnSalt(SALT, 'userId')
    expect(commitment(shown, PERSONAL.userId)).toBe(COMMITTED.userId)
    expect(commitment(shown, PERSONAL.resourceId)).not.toBe(COMMITTED.resourceId)
  })

  test('that were changed are found by column', () => {
    expect(changedColumns(COMMITTED, SALT, PERSONAL)).toEqual([])
    expect(changedColumns(COMMITTED, SALT, { ...PERSONAL, userId: 'user_457' })).toEqual(['userId'])
    expect(changedColumns(COMMITTED, SALT, { ...PERSONAL, userRole: undefined, more: 1 })).toEqual(['more', 'userRole'])
    expect(changedColumns(COMMITTED, newSalt(), PERSONAL)).toEqual(Object.keys(PERSONAL).toSorted())
    const [reason] = PERSONAL.reasons
    const asText = { ...PERSONAL, reasons: JSON.stringify([reason]) }
    expect(changedColumns(COMMITTED, SALT, asText)).toEqual(['reasons'])
  })

  test('a salt is 32 bytes, and never the same', () => {
    expect(newSalt()).toHaveLength(32)
    expect(newSalt().equals(newSalt())).toBe(false)
  })
})

test('reason codes are sorted, each once, and a hundred at most', () => {
  const reasons = ['b', 'a', 'b', 'a_b', 'aa'].map((code) => ({ code, message: 'x' }))
  expect(reasonCodes(reasons)).toEqual(['a', 'a_b', 'aa', 'b'])
  const many = Array.from({ length: 150 }, (_, at) => ({ code: `c${at}`, message: 'x' }))
  expect(LeafRecord.safeParse({ ...DENIAL, reasonCodes: reasonCodes(many) }).success).toBe(true)
})
