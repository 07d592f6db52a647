import { z } from 'zod'
import type { StoredLeaf, StoredTree } from '../../audit/stored-tree.ts'
import type { Database } from '../database.ts'
import { queryRows } from '../query-rows.ts'
import { JOIN_ROWS, NumberedRowColumns, ROW_COLUMNS } from './numbered-rows.ts'
import { tilesOf } from './read-tiles.ts'

const END = `
  select (select coalesce(max(index) + 1, 0) from audit.leaves) as leaves,
         (select note from audit.checkpoints order by size desc limit 1) as note`

const CHECKPOINTS = 'select note from audit.checkpoints where size > $1 and size <= $2 order by size'

const LEAVES = `
  select numbered.index, numbered.hash, ${ROW_COLUMNS}
    from (select index, kind, seq, hash from audit.leaves where index >= $1 and index < $2) numbered ${JOIN_ROWS}
   order by numbered.index`

const UNPLACED = `
  select kind || ' ' || id as record
    from (
      select 'denial' as kind, seq, id, recorded_at from audit.records
      union all
      select 'activation', seq, 'activation.' || seq, recorded_at from audit.policy_activations
      union all
      select 'erasure', seq, 'erasure.' || seq, occurred_at from audit.erasures
    ) r
   where recorded_at < clock_timestamp() - $1 * interval '1 millisecond'
     and not exists (select 1 from audit.leaves l where l.kind = r.kind and l.seq = r.seq)
   order by recorded_at limit $2`

const INDEX_OF = `
  select l.index from audit.records r join audit.leaves l on l.kind = 'denial' and l.seq = r.seq where r.id = $1`

const EndRow = z.object({ leaves: z.coerce.number(), note: z.string().nullable() })
const NoteRow = z.object({ note: z.string() })
const IndexRow = z.object({ index: z.coerce.number() })
const RecordRow = z.object({ record: z.string() })

/** A leaf with the row that it is of. */
export const StoredLeafColumns = z
  .intersection(z.object({ index: z.coerce.number(), hash: z.instanceof(Uint8Array) }), NumberedRowColumns)
  .transform((leaf): StoredLeaf => ({ ...leaf, hash: Buffer.from(leaf.hash) }))

const READ = 'read the tree of the trail'

/** The tree in the audit schema, for reading alone. */
export class StoredTrail implements StoredTree {
  readonly #db: Database
  readonly readTiles

  constructor(db: Database) {
    this.#db = db
    this.readTiles = tilesOf(db)
  }

  async end() {
    const [row] = await queryRows(this.#db, EndRow, READ, END, [])
    return { leaves: row?.leaves ?? 0, note: row?.note ?? undefined }
  }

  async checkpoints(above: number, upTo: number): Promise<string[]> {
    return (await queryRows(this.#db, NoteRow, READ, CHECKPOINTS, [above, upTo])).map(({ note }) => note)
  }

  leaves(from: number, behind: number): Promise<StoredLeaf[]> {
    return queryRows(this.#db, StoredLeafColumns, READ, LEAVES, [from, behind])
  }

  async unplaced(olderThanMs: number, limit: number): Promise<string[]> {
    const rows = await queryRows(this.#db, RecordRow, READ, UNPLACED, [olderThanMs, limit])
    return rows.map(({ record }) => record)
  }

  async indexOf(id: string): Promise<number | undefined> {
    return (await queryRows(this.#db, IndexRow, READ, INDEX_OF, [id]))[0]?.index
  }
}
