import type { Json } from './tree/canonical-json.ts'
import type { Hash } from './tree/hashes.ts'
import type { Commitments, PersonalValues } from './tree/personal-columns.ts'
import type { TileReader } from './tree/read-tiles.ts'

/** What a row of the trail has for its leaf. A row has either personal values with their salt, or digests once erased. */
export type TrailRow = {
  readonly id: string
  readonly occurredAt: string
  /** What the leaf has as it is. */
  readonly fields: Readonly<Record<string, Json>>
  readonly personal: PersonalValues
  readonly salt: Uint8Array | undefined
  readonly erased: Commitments | undefined
}

/** A row by its table and number there. `row` is undefined when it is gone. */
export type NumberedRow = { readonly kind: string; readonly seq: number; readonly row: TrailRow | undefined }

export type NewLeaf = { readonly index: number; readonly kind: string; readonly seq: number; readonly hash: Hash }

/** A hash over a full tile: the index-th of its level of tiles, from level 1 up. */
export type TileHash = { readonly level: number; readonly index: number; readonly hash: Hash }

/** The tree, while nobody else lets it grow. All of it is stored, or nothing. */
export interface GrowingTree {
  /** How many leaves there are, and for how long there was no new one; infinite without any. */
  end(): Promise<{ readonly size: number; readonly quietMs: number }>
  /** The note of the largest checkpoint. */
  lastCheckpoint(): Promise<string | undefined>
  /** Committed rows without a leaf, in the order in which they came; at most `limit`. */
  pending(limit: number): Promise<readonly NumberedRow[]>
  /** Makes a row of its own kind, which is pending then. */
  heartbeat(sequencer: string): Promise<void>
  readonly readTiles: TileReader
  /** Stores leaves and hashes over tiles that are full now. The rows of the leaves are pending no more. */
  append(leaves: readonly NewLeaf[], tileHashes: readonly TileHash[]): Promise<void>
  keepCheckpoint(size: number, note: string): Promise<void>
}

/** Where the tree of the trail is kept. */
export interface TrailTree {
  /**
   * Runs `step` in one transaction, unless another process is at it: then undefined.
   * @throws Failure of the step; JW_STORE_UNAVAILABLE | JW_STORE_REJECTED
   */
  alone<Result>(step: (tree: GrowingTree) => Promise<Result>): Promise<Result | undefined>
}
