import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CompactRange } from '../../../src/audit/tree/compact-range.ts'
import { type Hash, leafHash } from '../../../src/audit/tree/hashes.ts'
import { proveConsistency, proveInclusion } from '../../../src/audit/tree/make-proofs.ts'
import { provesConsistency, provesInclusion } from '../../../src/audit/tree/verify-proofs.ts'
import { GrownTree, NaiveTree, entryOf, uniformReader } from '../../support/audit-tree.ts'

const MOST = 300
/** For tests that go through all pairs of sizes, on a machine that is busy. */
const ALL_PAIRS = { timeout: 60_000 }
const entries = Array.from({ length: MOST }, (_, index) => entryOf(index))
const naive = new NaiveTree(entries)
const tree = new GrownTree(entries)
const headOf = (size: number) => ({ size, root: naive.root(0, size) })
const leafOf = (index: number) => leafHash(entryOf(index))

/** Compares quickly; `toEqual` on buffers is slow for a hundred thousand of them. */
const same = (some: readonly Hash[], others: readonly Hash[]) =>
  some.length === others.length && Buffer.concat(some).equals(Buffer.concat(others))

test('every root of up to 300 leaves is that of the definition', () => {
  const range = new CompactRange()
  const wrong = [...entries.keys(), MOST].filter((size) => {
    const { root } = range.head
    if (size < MOST) range.append(leafOf(size))
    return !root.equals(naive.root(0, size))
  })
  expect(wrong).toEqual([])
  expect(range.size).toBe(MOST)
})

test(
  'every inclusion proof in trees of up to 300 leaves is that of the definition, and verifies',
  ALL_PAIRS,
  async () => {
    const wrong: string[] = []
    let proofs = 0
    for (let size = 1; size <= MOST; size++)
      for (let index = 0; index < size; index++) {
        const proof = await proveInclusion(index, size, tree.read)
        const good = provesInclusion(proof, { leaf: leafOf(index), index, tree: headOf(size) })
        if (!good || !same(proof, naive.path(index, 0, size))) wrong.push(`${index} of ${size}`)
        proofs++
      }
    expect(wrong).toEqual([])
    expect(proofs).toBe((MOST * (MOST + 1)) / 2)
  },
)

test(
  'every consistency proof between trees of up to 300 leaves is that of the definition, and verifies',
  ALL_PAIRS,
  async () => {
    const wrong: string[] = []
    for (let to = 0; to <= MOST; to++)
      for (let from = 0; from <= to; from++) {
        const proof = await proveConsistency(from, to, tree.read)
        const good = provesConsistency(proof, headOf(from), headOf(to))
        if (!good || !same(proof, from === 0 ? [] : naive.proof(from, 0, to))) wrong.push(`${from} to ${to}`)
      }
    expect(wrong).toEqual([])
  },
)

/** Everything that differs from a proof in one place: a bit, a hash too few, one too many, two in another order. */
function tampered(proof: readonly Hash[]): (readonly Hash[])[] {
  const flipped = proof.map((hash, at) => {
    const bits = Buffer.from(hash)
    bits.writeUInt8(bits.readUInt8(at % 32) ^ (1 << (at % 8)), at % 32)
    return proof.with(at, bits)
  })
  const dropped = proof.map((_, at) => proof.toSpliced(at, 1))
  const cut = proof.map((hash, at) => proof.with(at, hash.subarray(1)))
  const doubled = proof.map((hash, at) => proof.toSpliced(at, 0, hash))
  const swapped = proof.slice(1).map((hash, at) => proof.with(at, hash).with(at + 1, proof[at] ?? hash))
  return [...flipped, ...dropped, ...cut, ...doubled, ...swapped, [...proof, leafOf(0)], [leafOf(0), ...proof]]
}

describe('what is tampered with is refused', () => {
  test('every element of every inclusion proof in trees of up to 50 leaves', ALL_PAIRS, async () => {
    const accepted: string[] = []
    for (let size = 1; size <= 50; size++)
      for (let index = 0; index < size; index++) {
        const claim = { leaf: leafOf(index), index, tree: headOf(size) }
        const proof = await proveInclusion(index, size, tree.read)
        if (tampered(proof).some((other) => provesInclusion(other, claim))) accepted.push(`${index} of ${size}`)
      }
    expect(accepted).toEqual([])
  })

  test('every element of every consistency proof between trees of up to 50 leaves', ALL_PAIRS, async () => {
    const accepted: string[] = []
    for (let to = 0; to <= 50; to++)
      for (let from = 0; from <= to; from++) {
        const proof = await proveConsistency(from, to, tree.read)
        if (tampered(proof).some((other) => provesConsistency(other, headOf(from), headOf(to))))
          accepted.push(`${from} to ${to}`)
      }
    expect(accepted).toEqual([])
  })

  const place = fc
    .nat(MOST - 1)
    .chain((index) => fc.record({ index: fc.constant(index), size: fc.integer({ min: index + 1, max: MOST }) }))

  test('a proof shows no other leaf, index, size or root', async () => {
    await fc.assert(
      fc.asyncProperty(place, fc.nat(MOST - 1), fc.nat(MOST), async ({ index, size }, otherIndex, otherSize) => {
        const proof = await proveInclusion(index, size, tree.read)
        const claim = { leaf: leafOf(index), index, tree: headOf(size) }
        expect(provesInclusion(proof, claim)).toBe(true)
        const isSame = otherIndex === index
        expect(provesInclusion(proof, { ...claim, leaf: leafOf(otherIndex) })).toBe(isSame)
        expect(provesInclusion(proof, { ...claim, index: otherIndex })).toBe(isSame)
        expect(provesInclusion(proof, { ...claim, tree: headOf(otherSize) })).toBe(otherSize === size)
      }),
    )
  })

  test('a consistency proof shows no other trees', async () => {
    await fc.assert(
      fc.asyncProperty(place, fc.nat(MOST), async ({ index, size }, other) => {
        const from = index + 1
        const proof = await proveConsistency(from, size, tree.read)
        expect(provesConsistency(proof, headOf(from), headOf(size))).toBe(true)
        expect(provesConsistency(proof, headOf(from), headOf(other))).toBe(other === size)
        expect(provesConsistency(proof, headOf(from), { size, root: leafOf(other) })).toBe(false)
        expect(provesConsistency(proof, { size: from, root: leafOf(other) }, headOf(size))).toBe(
          from === 1 && other === 0,
        )
        // Of the empty tree an empty proof is the right one.
        const isRight = other === from || (other === 0 && proof.length === 0)
        expect(provesConsistency(proof, headOf(other), headOf(size))).toBe(isRight)
      }),
    )
  })

  test.each([
    ['a negative index', { index: -1 }],
    ['an index past the end', { index: 5 }],
    ['an index that is not whole', { index: 0.5 }],
    ['a size that is not whole', { tree: { ...headOf(5), size: 4.5 } }],
    ['a size past 2^53', { tree: { ...headOf(5), size: 2 ** 53 } }],
    ['a root that is no hash', { tree: { size: 5, root: Buffer.alloc(0) } }],
    ['a leaf that is no hash', { leaf: Buffer.alloc(31) }],
  ])('%s', async (_what, wrong) => {
    const proof = await proveInclusion(2, 5, tree.read)
    const claim = { leaf: leafOf(2), index: 2, tree: headOf(5) }
    expect(provesInclusion(proof, claim)).toBe(true)
    expect(provesInclusion(proof, { ...claim, ...wrong })).toBe(false)
  })

  test('an index past the end, though nothing else is wrong', () => {
    expect(provesInclusion([], { leaf: leafOf(0), index: 0, tree: headOf(1) })).toBe(true)
    expect(provesInclusion([], { leaf: leafOf(0), index: 1, tree: headOf(1) })).toBe(false)
  })

  test('a proof that goes on above the root of a smaller tree', async () => {
    const inclusion = await proveInclusion(7, 8, tree.read)
    const leaf = leafOf(7)
    expect(provesInclusion(inclusion, { leaf, index: 7, tree: headOf(8) })).toBe(true)
    expect(provesInclusion(inclusion, { leaf, index: 0, tree: { ...headOf(8), size: 1 } })).toBe(false)
    expect(provesInclusion(inclusion, { leaf, index: 3, tree: { ...headOf(8), size: 4 } })).toBe(false)
    const consistency = await proveConsistency(7, 8, tree.read)
    expect(provesConsistency(consistency, headOf(7), headOf(8))).toBe(true)
    expect(provesConsistency(consistency, { ...headOf(7), size: 3 }, { ...headOf(8), size: 4 })).toBe(false)
  })

  test('a proof that ends below the root of a larger tree', async () => {
    const inclusion = await proveInclusion(3, 4, tree.read)
    expect(provesInclusion(inclusion, { leaf: leafOf(3), index: 3, tree: headOf(4) })).toBe(true)
    expect(provesInclusion(inclusion, { leaf: leafOf(3), index: 7, tree: { ...headOf(4), size: 8 } })).toBe(false)
    const consistency = await proveConsistency(3, 4, tree.read)
    expect(provesConsistency(consistency, { ...headOf(3), size: 7 }, { ...headOf(4), size: 8 })).toBe(false)
  })

  test('an empty tree with a root, and a smaller tree after a larger one', async () => {
    expect(provesConsistency([], headOf(0), headOf(5))).toBe(true)
    expect(provesConsistency([], { size: 0, root: leafOf(0) }, headOf(5))).toBe(false)
    expect(provesConsistency([], { size: 0, root: leafOf(0) }, { size: 0, root: leafOf(0) })).toBe(false)
    expect(provesConsistency(await proveConsistency(3, 5, tree.read), headOf(5), headOf(3))).toBe(false)
  })
})

describe('trees of up to 2^53 leaves', () => {
  // Past 2^31 and 2^32 JavaScript's bit operators would go wrong.
  const SIZES = [2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 2 ** 48, 2 ** 52 + 12_345_678_901, 2 ** 53 - 1]
  const entry = entryOf(0)
  const leaf = leafHash(entry)
  const read = uniformReader(entry)
  const head = async (size: number) => (await CompactRange.read(size, read)).head

  test.each(SIZES)('leaves of %d are proven, and not by less than the proof', async (size) => {
    const root = await head(size)
    for (const index of [0, 1, Math.floor(size / 2), size - 2, size - 1]) {
      const proof = await proveInclusion(index, size, read)
      expect(proof.length).toBeLessThanOrEqual(53)
      expect(provesInclusion(proof, { leaf, index, tree: root })).toBe(true)
      expect(provesInclusion(proof.slice(1), { leaf, index, tree: root })).toBe(false)
    }
  })

  test('every two of them are consistent', async () => {
    for (const [at, to] of SIZES.entries())
      for (const from of [1, 3, ...SIZES.slice(0, at), to - 1]) {
        const proof = await proveConsistency(from, to, read)
        expect(proof.length).toBeLessThanOrEqual(54)
        expect(provesConsistency(proof, await head(from), await head(to))).toBe(true)
        expect(provesConsistency(proof, await head(from + 1), await head(to))).toBe(false)
      }
  })

  test('a tree of 2^53 - 1 leaves grows no more', async () => {
    const range = await CompactRange.read(2 ** 53 - 1, read)
    expect(range.edge).toHaveLength(53)
    expect(() => range.append(leaf)).toThrow(/2\^53 - 1/)
  })
})

test.each([
  [1, 1],
  [-1, 5],
  [0.5, 5],
  [0, 0],
])('no proof is made of leaf %d of %d', async (index, size) => {
  await expect(proveInclusion(index, size, tree.read)).rejects.toMatchObject({ code: 'JW_UNEXPECTED' })
})

test('no proof is made from a larger tree to a smaller one', async () => {
  await expect(proveConsistency(5, 4, tree.read)).rejects.toMatchObject({ code: 'JW_UNEXPECTED' })
})

test('a reader that lacks a hash is told, and makes no proof', async () => {
  await expect(proveInclusion(2, 5, async () => [])).rejects.toMatchObject({ code: 'JW_TRAIL_BROKEN' })
  const short = async (wanted: readonly unknown[]) => wanted.map(() => Buffer.alloc(31))
  await expect(proveConsistency(2, 5, short)).rejects.toMatchObject({ code: 'JW_TRAIL_BROKEN' })
})

test('a proof is read in one call', async () => {
  let calls = 0
  const counted: typeof tree.read = (subtrees) => (calls++, tree.read(subtrees))
  await proveInclusion(123, 300, counted)
  await proveConsistency(123, 300, counted)
  expect(calls).toBe(2)
})
