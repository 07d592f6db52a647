import { expect, test } from 'vitest'
import { CompactRange } from '../../../src/audit/tree/compact-range.ts'
import { leafHash, nodeHash } from '../../../src/audit/tree/hashes.ts'
import { subtreesOf } from '../../../src/audit/tree/subtrees.ts'
import { GrownTree, NaiveTree, entryOf } from '../../support/audit-tree.ts'

const entries = Array.from({ length: 300 }, (_, index) => entryOf(index))
const tree = new GrownTree(entries)
const naive = new NaiveTree(entries)

test('a tree that is restored at any size grows as one that never stopped', async () => {
  const grown = new CompactRange()
  for (const [size, entry] of entries.entries()) {
    const restored = CompactRange.restore(size, grown.edge)
    const read = await CompactRange.read(size, tree.read)
    const stored = grown.append(leafHash(entry))
    expect(restored.append(leafHash(entry))).toEqual(stored)
    expect(read.append(leafHash(entry))).toEqual(stored)
    expect([restored.head, read.head]).toEqual([grown.head, grown.head])
  }
})

test('what an append returns is every subtree that it completes', () => {
  const range = new CompactRange()
  const stored = entries.flatMap((entry) => range.append(leafHash(entry)))
  const wrong = stored.filter(
    ({ level, index, hash }) => !hash.equals(naive.root(index * 2 ** level, (index + 1) * 2 ** level)),
  )
  expect(wrong).toEqual([])
  const complete = Array.from({ length: 9 }, (_, level) => Math.floor(300 / 2 ** level))
  expect(stored).toHaveLength(complete.reduce((sum, count) => sum + count, 0))
})

test('the right edge has as many hashes as the size has ones in binary', () => {
  expect(subtreesOf([0, 0])).toEqual([])
  expect(subtreesOf([0, 11])).toEqual([
    { level: 3, index: 0 },
    { level: 1, index: 4 },
    { level: 0, index: 10 },
  ])
  expect(subtreesOf([0, 2 ** 53 - 1])).toHaveLength(53)
})

test('an edge of another size, or of no hashes, is refused', () => {
  const leaf = leafHash(entryOf(0))
  expect(() => CompactRange.restore(2, [leaf, leaf])).toThrow(/JW_TRAIL_BROKEN.*2 leaves has 1 hashes/)
  expect(() => CompactRange.restore(1, [leaf.subarray(1)])).toThrow(/JW_TRAIL_BROKEN/)
})

test('only hashes of 32 bytes are put together', () => {
  const leaf = leafHash(entryOf(0))
  expect(() => new CompactRange().append(leaf.subarray(1))).toThrow(/JW_UNEXPECTED/)
  expect(() => nodeHash(leaf.subarray(1), Buffer.concat([leaf, Buffer.of(0)]))).toThrow(/JW_UNEXPECTED/)
})

test('a leaf that holds two hashes is not the node over them', () => {
  const [left, right] = [leafHash(entryOf(0)), leafHash(entryOf(1))]
  expect(leafHash(Buffer.concat([left, right])).equals(nodeHash(left, right))).toBe(false)
})
