import { Failure } from '../../domain/failure.ts'
import { type Hash, nodeHash } from './hashes.ts'
import type { HashReader, Subtree } from './subtrees.ts'
import { TILE_LEVELS, TILE_WIDTH, type Tile, decodeTile, tileOf, tilePath } from './tiles.ts'

/** Gives the bytes of tiles in the order in which they are asked for. */
export type TileReader = (tiles: readonly Tile[]) => Promise<readonly Uint8Array[]>

/** The place of a subtree in a tile: over `count` of its hashes, from the one at `from` on. */
type Cut = { readonly tile: Tile; readonly from: number; readonly count: number }

/**
 * Reads subtrees of a tree of this size from its tiles, each tile once a call. The hashes are as true as the tiles: a proof
 * that is made of wrong ones does not verify.
 * @throws Failure JW_TRAIL_BROKEN when a tile is missing or short, JW_UNEXPECTED for a subtree that the tree does not have
 */
export function hashesOfTiles(size: number, read: TileReader): HashReader {
  return async (subtrees) => {
    const cuts = subtrees.map((subtree) => cutOf(size, subtree))
    const tiles = [...new Map(cuts.map(({ tile }) => [tilePath(tile), tile])).values()]
    const contents = await read(tiles)
    const rows = new Map(tiles.map((tile, at) => [tilePath(tile), rowOf(tile, contents[at])]))
    return cuts.map(({ tile, from, count }) =>
      perfect((rows.get(tilePath(tile)) ?? []).slice(from, from + count), tile),
    )
  }
}

function cutOf(size: number, { level, index }: Subtree): Cut {
  const tileLevel = Math.floor(level / TILE_LEVELS)
  const count = 2 ** (level % TILE_LEVELS)
  const first = index * count
  const tile = tileOf(size, tileLevel, Math.floor(first / TILE_WIDTH))
  if (tile === undefined || first + count > tile.index * TILE_WIDTH + tile.width)
    throw new Failure('JW_UNEXPECTED', `a tree of ${size} leaves has no complete subtree ${index} of level ${level}`)
  return { tile, from: first % TILE_WIDTH, count }
}

function rowOf(tile: Tile, bytes: Uint8Array | undefined): readonly Hash[] {
  const row = decodeTile(bytes ?? Buffer.alloc(0), tile)
  if ('refused' in row) throw new Failure('JW_TRAIL_BROKEN', `${tilePath(tile)}: ${row.refused.message}`)
  return row.value
}

/** The hash over a power of two of hashes. */
function perfect(hashes: readonly Hash[], tile: Tile): Hash {
  const [first, ...others] = hashes
  if (first === undefined) throw new Failure('JW_TRAIL_BROKEN', `${tilePath(tile)} is too short`)
  if (others.length === 0) return first
  const half = hashes.length / 2
  return nodeHash(perfect(hashes.slice(0, half), tile), perfect(hashes.slice(half), tile))
}
