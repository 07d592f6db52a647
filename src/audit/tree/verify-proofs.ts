import { type Hash, type TreeHead, emptyRoot, isHash, isSize, nodeHash } from './hashes.ts'

/** What an inclusion proof is to show: the tree has, at this index, a leaf of this hash. */
export type Inclusion = { readonly leaf: Hash; readonly index: number; readonly tree: TreeHead }

/** Whether the proof shows it (RFC 9162 section 2.1.3.2). True means proven; everything else is false, and nothing throws. */
export function provesInclusion(proof: readonly Hash[], { leaf, index, tree }: Inclusion): boolean {
  if (!isTree(tree) || !isSize(index) || index >= tree.size || !isHash(leaf) || !proof.every(isHash)) return false
  let hash = leaf
  let node = index
  let last = tree.size - 1
  for (const beside of proof) {
    if (last === 0) return false // There is more of the proof than of the tree.
    if (isOdd(node) || node === last) {
      hash = nodeHash(beside, hash)
      // At the right edge, levels at which the node has nothing beside it are passed.
      while (!isOdd(node) && node > 0) [node, last] = [half(node), half(last)]
    } else hash = nodeHash(hash, beside)
    node = half(node)
    last = half(last)
  }
  return last === 0 && hash.equals(tree.root)
}

/**
 * Whether the proof shows that the new tree begins with all leaves of the old one (RFC 9162 section 2.1.4.2). True means
 * proven; everything else is false, and nothing throws. Every tree begins with the empty one: that proof is empty.
 */
export function provesConsistency(proof: readonly Hash[], from: TreeHead, to: TreeHead): boolean {
  if (!isTree(from) || !isTree(to) || from.size > to.size || !proof.every(isHash)) return false
  if (from.size === to.size) return proof.length === 0 && from.root.equals(to.root)
  if (from.size === 0) return proof.length === 0

  let node = from.size - 1
  let last = to.size - 1
  while (isOdd(node)) [node, last] = [half(node), half(last)]
  // An old tree that is one complete subtree of the new one begins the proof itself.
  const [first, ...rest] = node === 0 ? [from.root, ...proof] : proof
  if (first === undefined) return false
  let older = first
  let newer = first
  for (const beside of rest) {
    if (last === 0) return false
    if (isOdd(node) || node === last) {
      older = nodeHash(beside, older)
      newer = nodeHash(beside, newer)
      while (!isOdd(node) && node > 0) [node, last] = [half(node), half(last)]
    } else newer = nodeHash(newer, beside)
    node = half(node)
    last = half(last)
  }
  return last === 0 && older.equals(from.root) && newer.equals(to.root)
}

/** Whether it can be a tree: an empty one has one root only. */
function isTree({ size, root }: TreeHead): boolean {
  return isSize(size) && isHash(root) && (size > 0 || root.equals(emptyRoot()))
}

// In place of `& 1` and `>> 1`, which cut numbers to 32 bits.
const isOdd = (number: number) => number % 2 === 1
const half = (number: number) => Math.floor(number / 2)
