import { Failure } from '../../domain/failure.ts'
import { type Hash, isSize } from './hashes.ts'
import { type HashReader, type Range, readRanges, splitOf } from './subtrees.ts'

/**
 * The proof that a tree of `size` leaves has the leaf at `index` (RFC 6962 section 2.1.1): the hashes beside the way from
 * the leaf up to the root, at most 53. The reader is called once at most.
 * @throws Failure JW_UNEXPECTED when the tree has no such leaf, JW_TRAIL_BROKEN when the reader lacks a hash
 */
export async function proveInclusion(index: number, size: number, read: HashReader): Promise<Hash[]> {
  if (!isSize(index) || !isSize(size) || index >= size)
    throw new Failure('JW_UNEXPECTED', `a tree of ${size} leaves has no leaf ${index}`)
  const beside: Range[] = []
  for (let [start, end]: Range = [0, size]; end - start > 1;) {
    const middle = start + splitOf(end - start)
    beside.push(index < middle ? [middle, end] : [start, middle])
    if (index < middle) end = middle
    else start = middle
  }
  return readRanges(beside.toReversed(), read)
}

/**
 * The proof that a tree of `newSize` leaves begins with the leaves of one of `oldSize` (RFC 6962 section 2.1.2). It is empty
 * when the old tree is, or is the same. The reader is called once at most.
 * @throws Failure JW_UNEXPECTED when the old tree is the larger one, JW_TRAIL_BROKEN when the reader lacks a hash
 */
export async function proveConsistency(oldSize: number, newSize: number, read: HashReader): Promise<Hash[]> {
  if (!isSize(oldSize) || !isSize(newSize) || oldSize > newSize)
    throw new Failure('JW_UNEXPECTED', `a tree of ${newSize} leaves does not begin with ${oldSize}`)
  if (oldSize === 0) return []
  const beside: Range[] = []
  let [start, end]: Range = [0, newSize]
  while (end !== oldSize) {
    const middle = start + splitOf(end - start)
    beside.push(oldSize <= middle ? [middle, end] : [start, middle])
    if (oldSize <= middle) end = middle
    else start = middle
  }
  // The whole old tree needs no hash of its own: whoever verifies the proof knows its root.
  if (start > 0) beside.push([start, end])
  return readRanges(beside.toReversed(), read)
}
