import { Failure } from '../../domain/failure.ts'
import { type Hash, isHash, nodeHash } from './hashes.ts'

/** A complete subtree of 2^level leaves, the index-th of its level: its first leaf is index * 2^level. */
export type Subtree = { readonly level: number; readonly index: number }

/** A subtree with its hash, which never changes once the subtree is complete. */
export type StoredHash = Subtree & { readonly hash: Hash }

/** Gives the hashes of complete subtrees in the order in which they are asked for. */
export type HashReader = (subtrees: readonly Subtree[]) => Promise<readonly Hash[]>

/** Leaves from `start` up to, and without, `end`. */
export type Range = readonly [start: number, end: number]

/**
 * The complete subtrees that make up a range, the largest first. Of the range of a whole tree they are its right edge: at
 * most 53. A range must start where a subtree as long as it could start, which all ranges of proofs do.
 */
export function subtreesOf([start, end]: Range): Subtree[] {
  const subtrees: Subtree[] = []
  // Sizes pass 2^32, so there are no bit operators here: JavaScript cuts their operands to 32 bits.
  for (let next = start; next < end;) {
    const { leaves, level } = largestPower(end - next)
    subtrees.push({ level, index: next / leaves })
    next += leaves
  }
  return subtrees
}

/** The largest power of two that is smaller than the number: where RFC 6962 splits a tree of more than one leaf. */
export function splitOf(size: number): number {
  const { leaves } = largestPower(size)
  return leaves === size ? leaves / 2 : leaves
}

/** The hash over subtrees that stand side by side, the largest first; undefined of none. */
export function joined(hashes: readonly Hash[]): Hash | undefined {
  return hashes.length === 0 ? undefined : hashes.reduceRight((right, left) => nodeHash(left, right))
}

/**
 * The hash of each range, with one call of the reader.
 * @throws Failure JW_TRAIL_BROKEN when the reader gives other than one hash for each subtree
 */
export async function readRanges(ranges: readonly Range[], read: HashReader): Promise<Hash[]> {
  const parts = ranges.map(subtreesOf)
  const wanted = parts.flat()
  const hashes = wanted.length === 0 ? [] : await read(wanted)
  if (hashes.length !== wanted.length || !hashes.every(isHash))
    throw new Failure('JW_TRAIL_BROKEN', `of ${wanted.length} stored hashes ${hashes.filter(isHash).length} are there`)
  let from = 0
  return parts.flatMap((subtrees) => joined(hashes.slice(from, (from += subtrees.length))) ?? [])
}

function largestPower(atMost: number): { readonly leaves: number; readonly level: number } {
  let leaves = 1
  let level = 0
  for (; leaves * 2 <= atMost; leaves *= 2) level++
  return { leaves, level }
}
