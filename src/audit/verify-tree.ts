import { leafOfRow } from './leaf-of-row.ts'
import type { StoredLeaf, StoredTree } from './stored-tree.ts'
import { type Log, openCheckpoint } from './tree/checkpoints.ts'
import { CompactRange } from './tree/compact-range.ts'
import { type TreeHead, leafHash } from './tree/hashes.ts'
import type { StoredHash } from './tree/subtrees.ts'
import { TILE_LEVELS, TILE_WIDTH, tilePath } from './tree/tiles.ts'

/** What is not as it was signed. `index` is the first leaf that it concerns, and `until` the first behind them. */
export type Finding = {
  readonly index?: number
  readonly until?: number
  readonly record?: string
  readonly what: string
}

/** `tree` is what the last checkpoint states; undefined when there is none that the log signed. */
export type VerifiedTree = { readonly tree: TreeHead | undefined; readonly findings: readonly Finding[] }

export type VerifyOptions = {
  readonly stored: StoredTree
  readonly log: Log
  /** A record this young may still wait for its leaf. */
  readonly graceMs: number
  readonly onProgress: (leaves: number, size: number) => void
}

const PAGE = 2_048
/** Whoever rewrote everything would fill the memory otherwise. */
const MAX_FINDINGS = 1_000

/**
 * Verifies the whole tree: makes each leaf of its row anew, and hashes up to every checkpoint that was signed.
 * Findings on checkpoints come first, then single leaves and ranges of leaves by index, then records without a leaf.
 * @throws Failure JW_STORE_*
 */
export async function verifyTree({ stored, log, graceMs, onProgress }: VerifyOptions): Promise<VerifiedTree> {
  const findings: Finding[] = []
  const { leaves, note } = await stored.end()
  const last = note === undefined ? undefined : openCheckpoint(note, log, [])
  if (last === undefined && leaves > 0) findings.push({ what: `there are ${leaves} leaves and no checkpoint` })
  if (last !== undefined && 'refused' in last) findings.push({ what: `last checkpoint: ${last.refused.message}` })
  const tree = last !== undefined && 'value' in last ? last.value.checkpoint : undefined
  if (tree !== undefined && leaves > tree.size)
    findings.push({ index: tree.size, until: leaves, what: 'leaves that no checkpoint is over' })

  const size = tree?.size ?? leaves
  const verifier = new LeafVerifier(stored, log)
  for (let from = 0; from < size && findings.length < MAX_FINDINGS; from += PAGE) {
    const behind = Math.min(from + PAGE, size)
    findings.push(...(await verifier.page(from, behind)))
    onProgress(behind, size)
  }
  const unplaced = (await stored.unplaced(graceMs, MAX_FINDINGS)).map((record) => ({
    record,
    what: 'has no leaf, though it was recorded long enough ago',
  }))
  const inOrder = findings.toSorted((one, other) => rank(one) - rank(other) || (one.index ?? 0) - (other.index ?? 0))
  return { tree, findings: [...inOrder, ...unplaced] }
}

function rank({ index, until }: Finding): number {
  if (index === undefined) return 0
  return until === undefined ? 1 : 2
}

class LeafVerifier {
  readonly #stored: StoredTree
  readonly #log: Log
  /** The tree as the stored hashes make it; undefined from where it is known to be another than was signed. */
  #range: CompactRange | undefined = new CompactRange()
  /** All leaves before this one are those of a checkpoint. */
  #signedUntil = 0

  constructor(stored: StoredTree, log: Log) {
    this.#stored = stored
    this.#log = log
  }

  async page(from: number, behind: number): Promise<Finding[]> {
    const [leaves, notes] = await Promise.all([
      this.#stored.leaves(from, behind),
      this.#range === undefined ? [] : this.#stored.checkpoints(from, behind),
    ])
    const signed = new Map<number, TreeHead>()
    const findings: Finding[] = []
    for (const note of notes) {
      const opened = openCheckpoint(note, this.#log, [])
      if ('refused' in opened)
        findings.push({ what: `a checkpoint of ${from} to ${behind}: ${opened.refused.message}` })
      else signed.set(opened.value.checkpoint.size, opened.value.checkpoint)
    }
    const byIndex = new Map(leaves.map((leaf) => [leaf.index, leaf]))
    const filled: StoredHash[] = []
    for (let index = from; index < behind; index++) {
      const leaf = byIndex.get(index)
      findings.push(...rowFindings(index, leaf), ...this.#treeFindings(index, leaf, signed.get(index + 1), filled))
    }
    return [...findings, ...(await this.#tileFindings(filled))]
  }

  /** Adds the leaf to the tree, and compares that with the checkpoint over it. */
  #treeFindings(index: number, leaf: StoredLeaf | undefined, signed: TreeHead | undefined, filled: StoredHash[]) {
    if (leaf === undefined) this.#range = undefined
    if (this.#range === undefined || leaf === undefined) return []
    filled.push(...this.#range.append(leaf.hash).filter(({ level }) => level > 0 && level % TILE_LEVELS === 0))
    if (signed === undefined) return []
    const first = this.#signedUntil
    this.#signedUntil = index + 1
    if (this.#range.head.root.equals(signed.root)) return []
    this.#range = undefined
    return [{ index: first, until: index + 1, what: 'the leaves are others, or in another order, than were signed' }]
  }

  /** Compares the hashes over tiles that are full with those that are kept. */
  async #tileFindings(filled: readonly StoredHash[]): Promise<Finding[]> {
    const tiles = filled.map(({ level, index }) => ({ level: level / TILE_LEVELS, index, width: 1 }))
    const kept = await Promise.all(
      tiles.map(async ({ level, index }) => {
        const tile = { level, index: Math.floor(index / TILE_WIDTH), width: (index % TILE_WIDTH) + 1 }
        const [bytes] = await this.#stored.readTiles([tile])
        return Buffer.from(bytes ?? []).subarray(-32)
      }),
    )
    return filled.flatMap(({ hash, level, index }, at) => {
      const tile = { level: level / TILE_LEVELS - 1, index, width: TILE_WIDTH }
      const leaves = 2 ** level
      return kept[at]?.equals(hash) === true
        ? []
        : [{ index: index * leaves, until: (index + 1) * leaves, what: `the hash over ${tilePath(tile)} is another` }]
    })
  }
}

function rowFindings(index: number, leaf: StoredLeaf | undefined): Finding[] {
  if (leaf === undefined) return [{ index, what: 'the leaf is missing' }]
  const record = `${leaf.kind} ${leaf.row?.id ?? `of the row ${leaf.seq}`}`
  const bytes = leafOfRow(leaf)
  if ('refused' in bytes) return [{ index, record, what: bytes.refused.message }]
  return leafHash(bytes.value).equals(leaf.hash) ? [] : [{ index, record, what: 'is not what its leaf was made of' }]
}
