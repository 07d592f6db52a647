import { Failure } from '../domain/failure.ts'
import { leafOfRow } from './leaf-of-row.ts'
import type { GrowingTree, NewLeaf, NumberedRow, TileHash, TrailTree } from './trail-tree.ts'
import { openCheckpoint, signCheckpoint } from './tree/checkpoints.ts'
import { CompactRange } from './tree/compact-range.ts'
import { type TreeHead, leafHash } from './tree/hashes.ts'
import { proveConsistency } from './tree/make-proofs.ts'
import type { SigningKey } from './tree/note-keys.ts'
import { hashesOfTiles } from './tree/read-tiles.ts'
import { TILE_LEVELS } from './tree/tiles.ts'

export type TreeGrowthOptions = {
  readonly trail: TrailTree
  /** Signs the checkpoints; its name is the origin of the log. */
  readonly key: SigningKey
  /** After this long without a record, a heartbeat becomes a leaf. */
  readonly heartbeatMs: number
  /** Names this process in heartbeats. */
  readonly sequencer: string
}

/** At most so many rows become leaves in one transaction. */
const BATCH = 1_000

/** Makes leaves of committed rows and signs the tree after each batch, in the same transaction. */
export class TreeGrowth {
  readonly #options: TreeGrowthOptions
  /** What this process signed last: a database that was set back may no longer tell. */
  #signed: TreeHead | undefined

  constructor(options: TreeGrowthOptions) {
    this.#options = options
  }

  /**
   * Lets the tree grow until nothing is pending; returns how many leaves were added. None when another process is at it.
   * @throws Failure JW_TRAIL_BROKEN when the tree does not begin with what was signed before: then nothing is signed;
   *   JW_STORE_* of the database
   */
  async grow(): Promise<number> {
    for (let added = 0; ;) {
      const grown = await this.#options.trail.alone((tree) => this.#growBatch(tree))
      this.#signed = grown?.head ?? this.#signed // The transaction has committed.
      added += grown?.leaves ?? 0
      if (grown === undefined || grown.leaves < BATCH) return added
    }
  }

  async #growBatch(tree: GrowingTree): Promise<{ readonly leaves: number; readonly head: TreeHead | undefined }> {
    const { heartbeatMs, sequencer } = this.#options
    const { size, quietMs } = await tree.end()
    const last = this.#lastSigned(await tree.lastCheckpoint())
    if ((last?.size ?? 0) !== size)
      throw broken(`there are ${size} leaves, and the last checkpoint is of ${last?.size ?? 0}`)
    let rows = await tree.pending(BATCH)
    if (rows.length === 0 && quietMs >= heartbeatMs) {
      await tree.heartbeat(sequencer)
      rows = await tree.pending(BATCH)
    }
    if (rows.length === 0) return { leaves: 0, head: last }

    const range = await CompactRange.read(size, hashesOfTiles(size, tree.readTiles))
    const { leaves, tileHashes } = appendRows(range, rows)
    await tree.append(leaves, tileHashes)
    const read = hashesOfTiles(range.size, tree.readTiles)
    const proof = last === undefined ? [] : await proveConsistency(last.size, range.size, read)
    const note = signCheckpoint(this.#options.key, range.head, last, proof)
    if ('refused' in note) throw broken(note.refused.message)
    await tree.keepCheckpoint(range.size, note.value)
    return { leaves: leaves.length, head: range.head }
  }

  /** The tree of the last checkpoint, which nobody but the holder of the key can have made. */
  #lastSigned(note: string | undefined): TreeHead | undefined {
    const { key } = this.#options
    const opened = note === undefined ? undefined : openCheckpoint(note, { origin: key.name, keys: [key] }, [])
    if (opened !== undefined && 'refused' in opened)
      throw broken(`the last checkpoint is refused: ${opened.refused.message}`)
    const last = opened?.value.checkpoint
    const signed = this.#signed
    if (signed !== undefined && (last?.size ?? 0) < signed.size)
      throw broken(
        `a tree of ${signed.size} leaves was signed before, and the last checkpoint is of ${last?.size ?? 0}`,
      )
    if (signed?.size === last?.size && signed?.root.equals(last?.root ?? signed.root) === false)
      throw broken(`two trees of ${signed.size} leaves were signed`)
    return last
  }
}

/** The leaves of the rows, at the right of the tree, and the tiles that they fill. */
function appendRows(range: CompactRange, rows: readonly NumberedRow[]) {
  const leaves: NewLeaf[] = []
  const tileHashes: TileHash[] = []
  for (const row of rows) {
    const { kind, seq } = row
    const bytes = leafOfRow(row)
    if ('refused' in bytes) throw broken(`the ${kind} ${seq} waits for its leaf and ${bytes.refused.message}`)
    const hash = leafHash(bytes.value)
    leaves.push({ index: range.size, kind, seq, hash })
    for (const { level, index, hash: over } of range.append(hash))
      if (level > 0 && level % TILE_LEVELS === 0) tileHashes.push({ level: level / TILE_LEVELS, index, hash: over })
  }
  return { leaves, tileHashes }
}

function broken(what: string): Failure {
  return new Failure('JW_TRAIL_BROKEN', `${what}; nothing is signed`)
}
