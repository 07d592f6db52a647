import { hash } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { GrowingTree, TrailTree } from '../../../src/audit/trail-tree.ts'
import { openCheckpoint } from '../../../src/audit/tree/checkpoints.ts'
import { CompactRange } from '../../../src/audit/tree/compact-range.ts'
import type { TreeHead } from '../../../src/audit/tree/hashes.ts'
import { columnSalt } from '../../../src/audit/tree/personal-columns.ts'
import { LedgerTrail } from '../../../src/storage/trail/ledger-trail.ts'
import { PolicyActivations } from '../../../src/storage/trail/policy-activations.ts'
import { TreeStore } from '../../../src/storage/trail/tree-store.ts'
import { valueOf } from '../../support/audit-tree.ts'
import { type TrailBench, openTrailBench } from '../../support/trail-bench.ts'

let bench: TrailBench

beforeAll(async () => {
  bench = await openTrailBench()
})
afterAll(() => bench.close())
beforeEach(() => bench.empty())

type Leaf = { readonly index: number; readonly kind: string; readonly seq: string; readonly hash: Buffer }

async function leaves(): Promise<Leaf[]> {
  const { rows } =
    await sql<Leaf>`select index::int as index, kind, seq, hash from audit.leaves order by index`.execute(bench.owner)
  return rows
}

async function lastCheckpoint(): Promise<TreeHead> {
  const { rows } = await sql<{ note: string }>`select note from audit.checkpoints order by size desc limit 1`.execute(
    bench.owner,
  )
  const { name: origin } = bench.key
  return valueOf(openCheckpoint(rows[0]?.note ?? '', { origin, keys: [bench.key] }, [])).checkpoint
}

/** Every record has one leaf, indexes have no gap, nothing is pending, and the checkpoint is over all of them. */
async function expectWhole(records: number): Promise<void> {
  const all = await leaves()
  expect(all.map(({ index }) => index)).toEqual(all.map((_, at) => at))
  const { rows } = await sql`
    select count(*)::int as records, count(l.index)::int as leaves, count(distinct l.index)::int as distinct,
           (select count(*)::int from audit.pending) as pending
      from audit.records r left join audit.leaves l on l.kind = 'denial' and l.seq = r.seq`.execute(bench.owner)
  expect(rows).toEqual([{ records, leaves: records, distinct: records, pending: 0 }])
  const range = new CompactRange()
  for (const leaf of all) range.append(leaf.hash)
  const { size, root } = await lastCheckpoint()
  expect({ size, root: root.toString('hex') }).toEqual({ size: all.length, root: range.head.root.toString('hex') })
}

const sha256 = (...parts: readonly (string | Uint8Array)[]) =>
  hash('sha256', Buffer.concat(parts.map((part) => Buffer.from(part))), 'buffer')

test('a record becomes a leaf of the bytes that docs/trail.md tells', async () => {
  const [id = ''] = await bench.record(1)
  expect(await bench.sequencer().grow()).toBe(1)
  const { rows } = await sql<{ salt: Buffer; at: Date }>`
    select salt, date_trunc('milliseconds', occurred_at) as at from audit.personal join audit.records using (seq)`.execute(
    bench.owner,
  )
  const [{ salt, at } = { salt: Buffer.alloc(0), at: new Date(0) }] = rows
  const digest = (column: string, json: string) => sha256(columnSalt(salt, column), json).toString('hex')
  const personal =
    `{"inputDigest":"${digest('inputDigest', '"i"')}","jobId":"${digest('jobId', `"${id}"`)}",` +
    `"reasons":"${digest('reasons', '[{"code":"not_owner","message":"The user owns no such resource — “é”."}]')}",` +
    `"resourceId":"${digest('resourceId', `"doc_${id.slice(4)}"`)}","userId":"${digest('userId', '"user_1"')}",` +
    `"userRole":"${digest('userRole', '"guest"')}"}`
  const bytes =
    `jobwarden-leaf/v1\n{"action":"read","id":"${id}","kind":"denial","occurredAt":"${at.toISOString()}",` +
    `"outcome":"denied","personal":${personal},"policyRevision":"r1","producer":"orders","queue":"commands",` +
    `"reasonCodes":["not_owner"],"resourceType":"document"}`
  expect((await leaves()).map((leaf) => leaf.hash.toString('hex'))).toEqual([
    sha256(Buffer.of(0), bytes).toString('hex'),
  ])
  await expectWhole(1)
})

test('a revision that is too long for a leaf is cut, and does not stop the tree', async () => {
  await bench.record(1)
  await sql`update audit.records set policy_revision = repeat('😀', 10000)`.execute(bench.owner)
  expect(await bench.sequencer().grow()).toBe(1)
  await expectWhole(1)
})

test('two auditors give every record one leaf while records become visible in another order than they were numbered', async () => {
  const [one, other] = [bench.open('jobwarden_auditor'), bench.open('jobwarden_auditor')]
  const written = new AbortController()
  const auditing = [one, other].map(async (database) => {
    const sequencer = bench.sequencer(new TreeStore(database))
    let grown = 0
    while (!written.signal.aborted) grown += await sequencer.grow()
    return grown + (await sequencer.grow())
  })
  for (let round = 0; round < 40; round++) {
    const open = []
    for (let writer = 0; writer < 5; writer++) {
      const ids = await bench.deny(20)
      const commit = Promise.withResolvers<void>()
      const appended = Promise.withResolvers<void>()
      const ended = bench.owner.transaction().execute(async (transaction) => {
        await new LedgerTrail(transaction).append(ids)
        appended.resolve()
        await commit.promise
      })
      await appended.promise
      open.push({ commit, ended })
    }
    for (const { commit, ended } of open.toReversed()) {
      commit.resolve()
      await ended
    }
  }
  written.abort()
  const grown = await Promise.all(auditing)
  expect(grown[0] ?? 0).toBeGreaterThan(0)
  expect(grown[1] ?? 0).toBeGreaterThan(0)
  await expectWhole(4_000)
  const seqs = (await leaves()).map(({ seq }) => Number(seq))
  expect(seqs).not.toEqual(seqs.toSorted((a, b) => a - b))
}, 120_000)

test('an activation becomes a leaf, and so does a heartbeat when nothing else came', async () => {
  const digest = `sha256:${'0'.repeat(64)}`
  const release = { bundle: 'production', revision: 'r1', digest, contentDigest: digest, signedBy: 'k', pushedBy: 'p' }
  const at = '2026-01-01T00:00:00.123Z'
  const activation = { ...release, author: 'Ann', pushedAt: at, sidecar: 's', activatedAt: at, seenAt: at }
  expect(await new PolicyActivations(bench.open('jobwarden_auditor')).append([activation, activation])).toBe(1)
  const quick = bench.sequencer(undefined, 0)
  expect(await quick.grow()).toBe(1)
  expect(await quick.grow()).toBe(1)
  expect(await bench.sequencer().grow()).toBe(0)
  expect((await leaves()).map(({ kind }) => kind)).toEqual(['activation', 'heartbeat'])
  await expectWhole(0)
})

describe('an auditor that dies', () => {
  const STEPS = ['end', 'lastCheckpoint', 'pending', 'readTiles', 'append', 'keepCheckpoint'] as const

  /** Ends the connection of whoever lets the tree grow, before or after one of its steps. */
  const dying = (inner: TrailTree, at: (typeof STEPS)[number], when: 'before' | 'after'): TrailTree => ({
    alone: (step) =>
      inner.alone((tree) => {
        const kill = async () => {
          const { rows } = await sql<{ killed: boolean }>`
            select pg_terminate_backend(pid) as killed from pg_locks where locktype = 'advisory'`.execute(bench.owner)
          expect(rows).toEqual([{ killed: true }])
        }
        const wrapped: GrowingTree = {
          ...tree,
          [at]: async (...given: readonly never[]) => {
            if (when === 'before') await kill()
            const result: unknown = await Reflect.apply(tree[at], tree, given)
            if (when === 'after') await kill()
            return result
          },
        }
        return step(wrapped)
      }),
  })

  test.each(STEPS.flatMap((at) => [[at, 'before'] as const, [at, 'after'] as const]))(
    'at %s, %s it, leaves nothing half done',
    async (at, when) => {
      await bench.record(300)
      await bench.sequencer().grow()
      await bench.record(300)
      const auditor = bench.open('jobwarden_auditor')
      await expect(bench.sequencer(dying(new TreeStore(auditor), at, when)).grow()).rejects.toMatchObject({
        code: 'JW_STORE_UNAVAILABLE',
      })
      expect(await leaves()).toHaveLength(300)
      expect(await bench.sequencer().grow()).toBe(300)
      await expectWhole(600)
    },
  )
})

describe('nothing is signed', () => {
  test.each([
    [
      'after a leaf that nobody signed',
      `insert into audit.leaves (index, kind, seq, hash) values (300, 'denial', 0, sha256(''))`,
      /there are 301 leaves, and the last checkpoint is of 300/,
    ],
    ['after the tail was cut', 'delete from audit.leaves where index >= 290', /there are 290 leaves/],
    [
      'over a leaf of the edge that was changed',
      `update audit.leaves set hash = sha256('') where index = 299`,
      /does not begin with the 300/,
    ],
    [
      'over a full tile that was changed',
      `update audit.tile_hashes set hash = sha256('')`,
      /does not begin with the 300/,
    ],
    ['without the last checkpoint', 'delete from audit.checkpoints', /the last checkpoint is of 0/],
    [
      'after a checkpoint of somebody else',
      `update audit.checkpoints set note = replace(note, 'test', 'mine')`,
      /is refused/,
    ],
    [
      'of a record that is gone',
      `delete from audit.records where seq = (select min(seq) from audit.pending)`,
      /has no row any more/,
    ],
    [
      'of a record without its personal values',
      `delete from audit.personal where seq = (select min(seq) from audit.pending)`,
      /has no personal values any more/,
    ],
    [
      'of a record that fits no leaf',
      `update audit.records set reason_codes = '{}' where seq = (select min(seq) from audit.pending)`,
      /fits no leaf: look at reasonCodes/,
    ],
  ])('%s', async (_what, tampering, how) => {
    await bench.record(300)
    await bench.sequencer().grow()
    await bench.record(1)
    await sql.raw(tampering).execute(bench.owner)
    const before = await leaves()
    await expect(bench.sequencer().grow()).rejects.toThrow(new RegExp(`^JW_TRAIL_BROKEN: .*${how.source}`))
    expect(await leaves()).toEqual(before)
  })

  test('by an auditor whose database was set back to what it was', async () => {
    await bench.record(10)
    const sequencer = bench.sequencer()
    await sequencer.grow()
    await bench.record(10)
    await sequencer.grow()
    await sql`delete from audit.leaves where index >= 10`.execute(bench.owner)
    await sql`delete from audit.checkpoints where size > 10`.execute(bench.owner)
    await expect(sequencer.grow()).rejects.toThrow(/^JW_TRAIL_BROKEN: a tree of 20 leaves was signed before/)
  })
})
