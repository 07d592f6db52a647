import type { NumberedRow } from './trail-tree.ts'
import type { Hash } from './tree/hashes.ts'
import type { TileReader } from './tree/read-tiles.ts'

export type StoredLeaf = NumberedRow & { readonly index: number; readonly hash: Hash }

/** The tree as it is kept, for whoever verifies it. All methods throw Failure JW_STORE_*. */
export interface StoredTree {
  /** The largest checkpoint, and how many leaves there were at the same moment. */
  end(): Promise<{ readonly leaves: number; readonly note: string | undefined }>
  /** The notes of checkpoints with more leaves than `above` and at most `upTo`, the smallest first. */
  checkpoints(above: number, upTo: number): Promise<readonly string[]>
  /** The leaves from an index up to, and without, another: in the order of their indexes. Missing ones are left out. */
  leaves(from: number, behind: number): Promise<readonly StoredLeaf[]>
  readonly readTiles: TileReader
  /** The oldest committed rows that are older than this and have no leaf, by what they are; at most `limit`. */
  unplaced(olderThanMs: number, limit: number): Promise<readonly string[]>
  /** The index of the leaf of a denial; undefined when it has none. */
  indexOf(id: string): Promise<number | undefined>
}
