import { z } from 'zod'
import type { TileReader } from '../../audit/tree/read-tiles.ts'
import { TILE_WIDTH } from '../../audit/tree/tiles.ts'
import type { Database } from '../database.ts'
import { queryRows } from '../query-rows.ts'

const READ = `
  select tile.place, string_agg(hashes.hash, ''::bytea order by hashes.index) as bytes
    from jsonb_to_recordset($1::jsonb) as tile(place int, level int, first bigint, behind bigint)
   cross join lateral (
     select index, hash from audit.leaves l
      where tile.level = 0 and l.index >= tile.first and l.index < tile.behind
     union all
     select index, hash from audit.tile_hashes t
      where t.level = tile.level and t.index >= tile.first and t.index < tile.behind
   ) hashes
   group by tile.place`

const BytesRow = z.object({ place: z.number(), bytes: z.instanceof(Uint8Array) })

/** Reads tiles from the hashes of the tree: one that lacks hashes comes out short. */
export function tilesOf(db: Database): TileReader {
  return async (tiles) => {
    const wanted = tiles.map(({ level, index, width }, place) => ({
      place,
      level,
      first: index * TILE_WIDTH,
      behind: index * TILE_WIDTH + width,
    }))
    const rows = await queryRows(db, BytesRow, 'read the tree of the trail', READ, [JSON.stringify(wanted)])
    const bytes = new Map(rows.map((row) => [row.place, row.bytes]))
    return tiles.map((_, place) => bytes.get(place) ?? new Uint8Array())
  }
}
