import { z } from 'zod'
import type { GrowingTree, NewLeaf, TileHash, TrailTree } from '../../audit/trail-tree.ts'
import type { Database } from '../database.ts'
import { queryRows } from '../query-rows.ts'
import { storeFailure } from '../store-failure.ts'
import { JOIN_ROWS, NumberedRowColumns, ROW_COLUMNS } from './numbered-rows.ts'
import { tilesOf } from './read-tiles.ts'

// Held until the transaction ends, and let go only after its rows are visible. One that lies idle ends: the process that
// began it is frozen or cut off, and another takes over.
const LOCK = `
  select pg_try_advisory_xact_lock(hashtextextended('jobwarden: the tree of the trail', 0)) as locked,
         set_config('idle_in_transaction_session_timeout', '30s', true)`

const END = `
  select index, extract(epoch from clock_timestamp() - added_at) * 1000 as quiet_ms
    from audit.leaves order by index desc limit 1`

const PENDING = `
  select ${ROW_COLUMNS}
    from (select place, kind, seq from audit.pending order by place limit $1) numbered ${JOIN_ROWS}
   order by numbered.place`

const HEARTBEAT = `
  with beat as (insert into audit.heartbeats (sequencer) values ($1) returning seq)
  insert into audit.pending (kind, seq) select 'heartbeat', seq from beat`

const APPEND = `
  with leaf as materialized (
    select * from jsonb_to_recordset($1::jsonb) as leaf(index bigint, kind text, seq bigint, hash text)
  ), appended as (
    insert into audit.leaves (index, kind, seq, hash)
    select index, kind, seq, decode(hash, 'hex') from leaf order by index
  ), filled as (
    insert into audit.tile_hashes (level, index, hash)
    select level, index, decode(hash, 'hex')
      from jsonb_to_recordset($2::jsonb) as tile(level smallint, index bigint, hash text)
  )
  delete from audit.pending p using leaf where p.kind = leaf.kind and p.seq = leaf.seq`

const LAST_CHECKPOINT = 'select note from audit.checkpoints order by size desc limit 1'
const KEEP_CHECKPOINT = 'insert into audit.checkpoints (size, note) values ($1, $2)'

const LockRow = z.object({ locked: z.boolean() })
const EndRow = z.object({ index: z.coerce.number(), quiet_ms: z.coerce.number() })
const NoteRow = z.object({ note: z.string() })
const NoRow = z.never()

const GROW = 'let the tree of the trail grow'

/** The tree in the audit schema. */
export class TreeStore implements TrailTree {
  readonly #db: Database

  constructor(db: Database) {
    this.#db = db
  }

  async alone<Result>(step: (tree: GrowingTree) => Promise<Result>): Promise<Result | undefined> {
    try {
      return await this.#db.transaction().execute(async (transaction) => {
        const [lock] = await queryRows(transaction, LockRow, GROW, LOCK, [])
        return lock?.locked === true ? step(growingTree(transaction)) : undefined
      })
    } catch (error) {
      throw error instanceof z.ZodError ? error : storeFailure(error, GROW)
    }
  }
}

function growingTree(db: Database): GrowingTree {
  return {
    readTiles: tilesOf(db),

    async end() {
      const [last] = await queryRows(db, EndRow, GROW, END, [])
      return last === undefined
        ? { size: 0, quietMs: Number.POSITIVE_INFINITY }
        : { size: last.index + 1, quietMs: last.quiet_ms }
    },

    async lastCheckpoint() {
      const [last] = await queryRows(db, NoteRow, GROW, LAST_CHECKPOINT, [])
      return last?.note
    },

    pending: (limit) => queryRows(db, NumberedRowColumns, GROW, PENDING, [limit]),

    async heartbeat(sequencer) {
      await queryRows(db, NoRow, GROW, HEARTBEAT, [sequencer])
    },

    async append(leaves: readonly NewLeaf[], tileHashes: readonly TileHash[]) {
      const inHex = [leaves, tileHashes].map((rows) =>
        JSON.stringify(rows.map((row) => ({ ...row, hash: row.hash.toString('hex') }))),
      )
      await queryRows(db, NoRow, GROW, APPEND, inHex)
    },

    async keepCheckpoint(size, note) {
      await queryRows(db, NoRow, GROW, KEEP_CHECKPOINT, [size, note])
    },
  }
}
