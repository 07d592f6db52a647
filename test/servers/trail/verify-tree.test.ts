import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type VerifiedTree, verifyTree } from '../../../src/audit/verify-tree.ts'
import { StoredTrail } from '../../../src/storage/trail/stored-trail.ts'
import { newKey } from '../../support/audit-tree.ts'
import { type TrailBench, openTrailBench } from '../../support/trail-bench.ts'

let bench: TrailBench

beforeAll(async () => {
  bench = await openTrailBench()
})
afterAll(() => bench.close())
beforeEach(async () => {
  await bench.empty()
  await sql`truncate audit.records restart identity cascade`.execute(bench.owner)
})

/** As a reader verifies it who knows the public key of the log. */
function verify(graceMs = 0, key = bench.key): Promise<VerifiedTree> {
  const log = { origin: bench.key.name, keys: [key] }
  const stored = new StoredTrail(bench.open('jobwarden_reader'))
  return verifyTree({ stored, log, graceMs, onProgress: () => undefined })
}

/** Leaves in five batches of 200, each with a checkpoint: full tiles, and one that is not. */
async function growTrail(): Promise<void> {
  for (let batch = 0; batch < 5; batch++) {
    await bench.record(200)
    await bench.sequencer().grow()
  }
}

test('a trail that nobody touched is whole, and says so of the tree that was signed', async () => {
  await growTrail()
  await bench.sequencer(undefined, 0).grow()
  expect(await verify()).toMatchObject({ tree: { size: 1_001 }, findings: [] })
})

test('an empty trail is whole', async () => {
  expect(await verify()).toEqual({ tree: undefined, findings: [] })
})

test('a record without a leaf is named once it is old enough', async () => {
  const [id] = await bench.record(1)
  expect((await verify()).findings).toMatchObject([
    { record: `denial ${id}`, what: expect.stringMatching(/has no leaf/) },
  ])
  expect((await verify(60_000)).findings).toEqual([])
})

describe('tampering is named', () => {
  const swapped = (table: string, column: string, one: string, other: string) =>
    `with pair as (select index, ${column} from ${table} where index in (${one}, ${other}))
     update ${table} l set ${column} = p.${column} from pair p
      where l.index in (${one}, ${other}) and p.index in (${one}, ${other}) and p.index <> l.index`

  test.each<[string, readonly string[], object]>([
    [
      'a column of a record',
      ["update audit.records set outcome = 'expired' where seq = 301"],
      { index: 300, what: 'is not what its leaf was made of' },
    ],
    [
      'a time of a record',
      ["update audit.records set occurred_at = occurred_at - interval '1 day' where seq = 301"],
      { index: 300 },
    ],
    ['a personal column', ["update audit.personal set user_id = 'somebody' where seq = 301"], { index: 300 }],
    [
      'a reason',
      ["update audit.personal set reasons = jsonb_set(reasons, '{0,message}', '\"no\"') where seq = 301"],
      { index: 300 },
    ],
    ['a salt', ['update audit.personal set salt = audit.new_salt() where seq = 301'], { index: 300 }],
    [
      'a value that no leaf has',
      ["update audit.records set queue = '' where seq = 301"],
      { index: 300, what: 'fits no leaf: look at queue' },
    ],
    [
      'a record that is deleted',
      ['delete from audit.records where seq = 301'],
      { index: 300, record: 'denial of the row 301', what: 'has no row any more' },
    ],
    [
      'personal values that are deleted',
      ['delete from audit.personal where seq = 301'],
      { index: 300, what: 'has no personal values any more, and no erasure took them' },
    ],
    [
      'a record that is deleted with its leaf',
      ['delete from audit.records where seq = 301', 'delete from audit.leaves where index = 300'],
      { index: 300, what: 'the leaf is missing' },
    ],
    [
      'the tail that is cut',
      ['delete from audit.leaves where index >= 990', 'delete from audit.records where seq > 990'],
      { index: 990, what: 'the leaf is missing' },
    ],
    [
      'the tail that is cut with its checkpoint',
      ['delete from audit.leaves where index >= 800', 'delete from audit.checkpoints where size > 800'],
      { record: expect.stringMatching(/^denial cmd-/) },
    ],
    [
      'leaves in another order',
      [
        'alter table audit.leaves drop constraint leaves_kind_seq_key',
        swapped('audit.leaves', 'seq', '300', '310'),
        swapped('audit.leaves', 'hash', '300', '310'),
      ],
      { index: 200, until: 400, what: 'the leaves are others, or in another order, than were signed' },
    ],
    [
      'rows of leaves that are exchanged',
      ['alter table audit.leaves drop constraint leaves_kind_seq_key', swapped('audit.leaves', 'seq', '300', '310')],
      { index: 300 },
    ],
    [
      'a leaf that is put in at the end',
      ["insert into audit.leaves (index, kind, seq, hash) values (1000, 'denial', 0, sha256(''))"],
      { index: 1_000, until: 1_001, what: 'leaves that no checkpoint is over' },
    ],
    [
      'a leaf that is put in between',
      [
        'alter table audit.leaves drop constraint leaves_pkey',
        'update audit.leaves set index = index + 1 where index >= 300',
        "insert into audit.leaves (index, kind, seq, hash) values (300, 'denial', 0, sha256(''))",
      ],
      { index: 300, what: 'has no row any more' },
    ],
    [
      'a leaf that is made anew for a changed record',
      ["update audit.leaves set hash = sha256('') where index = 300"],
      { index: 300 },
    ],
    [
      'a hash over a tile',
      ["update audit.tile_hashes set hash = sha256('') where index = 1"],
      { index: 256, until: 512, what: 'the hash over tile/0/001 is another' },
    ],
    ['a hash over a tile that is gone', ['delete from audit.tile_hashes where index = 1'], { index: 256, until: 512 }],
    [
      'a checkpoint that is changed',
      ["update audit.checkpoints set note = replace(note, E'\\n400\\n', E'\\n399\\n') where size = 400"],
      { what: expect.stringMatching(/signature is not that of the key/) },
    ],
    [
      'the last checkpoint that is changed',
      ["update audit.checkpoints set note = replace(note, E'\\n1000\\n', E'\\n999\\n') where size = 1000"],
      { what: expect.stringMatching(/^last checkpoint: the signature/) },
    ],
    [
      'all checkpoints that are gone',
      ['delete from audit.checkpoints'],
      { what: 'there are 1000 leaves and no checkpoint' },
    ],
    [
      'a record that nobody put into the tree',
      [
        "insert into audit.records (id, outcome, reason_codes, queue, occurred_at) values ('made-up', 'denied', '{a}', 'q', now())",
      ],
      { record: 'denial made-up' },
    ],
  ])(
    '%s',
    async (_what, tampering, finding) => {
      await growTrail()
      const sequence = async () => {
        for (const statement of tampering) await sql.raw(statement).execute(bench.owner)
      }
      await sequence()
      try {
        const { findings } = await verify()
        expect(findings[0]).toMatchObject(finding)
      } finally {
        await restoreKeys()
      }
    },
    30_000,
  )

  test('a log that somebody else signed from the start', async () => {
    await growTrail()
    const { findings } = await verify(0, newKey(bench.key.name))
    expect(findings[0]?.what).toMatch(/^last checkpoint: the note is signed by no known key/)
  })

  /** What the tampering had to drop. */
  async function restoreKeys(): Promise<void> {
    await bench.empty()
    await sql`alter table audit.leaves drop constraint if exists leaves_pkey, drop constraint if exists leaves_kind_seq_key,
      add constraint leaves_pkey primary key (index), add constraint leaves_kind_seq_key unique (kind, seq)`.execute(
      bench.owner,
    )
  }
})
