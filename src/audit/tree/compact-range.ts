import { Failure } from '../../domain/failure.ts'
import { type Hash, type TreeHead, emptyRoot, isHash, nodeHash } from './hashes.ts'
import { type HashReader, type StoredHash, joined, readRanges, subtreesOf } from './subtrees.ts'

/** A growing tree by its right edge alone: the hashes of the complete subtrees that it is made of, at most 53. */
export class CompactRange {
  #size = 0
  /** The largest subtree first. */
  #edge: Hash[] = []

  /**
   * A tree whose right edge was stored: the hashes of `subtreesOf([0, size])`, in that order.
   * @throws Failure JW_TRAIL_BROKEN when there are not as many hashes as a tree of that size has
   */
  static restore(size: number, edge: readonly Hash[]): CompactRange {
    const expected = subtreesOf([0, size]).length
    if (edge.length !== expected || !edge.every(isHash))
      throw new Failure('JW_TRAIL_BROKEN', `the right edge of a tree of ${size} leaves has ${expected} hashes`)
    const range = new CompactRange()
    range.#size = size
    range.#edge = [...edge]
    return range
  }

  /** The same, with the edge read from where the tree keeps its hashes. @throws Failure JW_TRAIL_BROKEN */
  static async read(size: number, read: HashReader): Promise<CompactRange> {
    const edge = subtreesOf([0, size]).map(
      ({ level, index }) => [index * 2 ** level, (index + 1) * 2 ** level] as const,
    )
    return CompactRange.restore(size, await readRanges(edge, read))
  }

  get size(): number {
    return this.#size
  }

  /** What `restore` takes. */
  get edge(): readonly Hash[] {
    return [...this.#edge]
  }

  /** The tree as a checkpoint states it. */
  get head(): TreeHead {
    return { size: this.#size, root: joined(this.#edge) ?? emptyRoot() }
  }

  /**
   * Adds a leaf at the right and returns what is to be stored: its hash, and that of each subtree which it completes.
   * @throws Failure JW_UNEXPECTED when it is not a hash
   */
  append(leaf: Hash): readonly StoredHash[] {
    if (!isHash(leaf)) throw new Failure('JW_UNEXPECTED', 'a leaf is appended by its hash of 32 bytes')
    if (this.#size >= Number.MAX_SAFE_INTEGER) throw new Failure('JW_UNEXPECTED', 'a tree has at most 2^53 - 1 leaves')
    let last: StoredHash = { level: 0, index: this.#size, hash: leaf }
    const completed = [last]
    while (last.index % 2 === 1) {
      const left = this.#edge.pop()
      if (left === undefined) throw new Failure('JW_TRAIL_BROKEN', 'the right edge of the tree is too short')
      last = { level: last.level + 1, index: (last.index - 1) / 2, hash: nodeHash(left, last.hash) }
      completed.push(last)
    }
    this.#edge.push(last.hash)
    this.#size += 1
    return completed
  }
}
