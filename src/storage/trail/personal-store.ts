import { z } from 'zod'
import type { ErasedRecord, ErasureReason, PersonalRecords, PersonalStore } from '../../audit/erase-person.ts'
import type { Database } from '../database.ts'
import { queryRows } from '../query-rows.ts'
import { storeFailure } from '../store-failure.ts'
import { JOIN_ROWS, ROW_COLUMNS } from './numbered-rows.ts'
import { StoredLeafColumns } from './stored-trail.ts'

// Two at once would make two erasures of the same records.
const LOCK = `select pg_advisory_xact_lock(hashtextextended('jobwarden: erasures of the trail', 0))::text as locked`

const WITH_LEAF = `
  select numbered.index, numbered.hash, ${ROW_COLUMNS}
    from (
      select l.index, l.kind, l.seq, l.hash
        from audit.personal p join audit.leaves l on l.kind = 'denial' and l.seq = p.seq
       where p.user_id = $1 order by l.index limit $2
    ) numbered ${JOIN_ROWS}
   order by numbered.index`

const ERASE = `
  with gone as materialized (
    select * from jsonb_to_recordset($1::jsonb) as gone(seq bigint, index bigint, digests jsonb)
  ), erasure as (
    insert into audit.erasures (indexes, by, reason)
    select array_agg(index order by index), $2, $3 from gone returning seq
  ), kept as (
    insert into audit.erased (seq, digests, erasure) select gone.seq, gone.digests, erasure.seq from gone, erasure
  ), waiting as (
    insert into audit.pending (kind, seq) select 'erasure', seq from erasure
  )
  delete from audit.personal p using gone where p.seq = gone.seq`

const LEFT = 'select count(*)::int as left from audit.personal where user_id = $1'

const LockRow = z.object({ locked: z.string() })
const LeftRow = z.object({ left: z.number() })

const DOING = 'erase personal values of the trail'

/** Personal values in the audit schema. */
export class PersonalTables implements PersonalStore {
  readonly #db: Database

  constructor(db: Database) {
    this.#db = db
  }

  async ofUser<Result>(userId: string, step: (records: PersonalRecords) => Promise<Result>): Promise<Result> {
    try {
      return await this.#db.transaction().execute(async (transaction) => {
        await queryRows(transaction, LockRow, DOING, LOCK, [])
        return step(recordsOf(transaction, userId))
      })
    } catch (error) {
      throw error instanceof z.ZodError ? error : storeFailure(error, DOING)
    }
  }
}

function recordsOf(db: Database, userId: string): PersonalRecords {
  return {
    withLeaf: (limit) => queryRows(db, StoredLeafColumns, DOING, WITH_LEAF, [userId, limit]),

    async erase(records: readonly ErasedRecord[], { by, reason }: ErasureReason) {
      await queryRows(db, z.never(), DOING, ERASE, [JSON.stringify(records), by, reason])
    },

    async left() {
      const [row] = await queryRows(db, LeftRow, DOING, LEFT, [userId])
      return row?.left ?? 0
    },
  }
}
