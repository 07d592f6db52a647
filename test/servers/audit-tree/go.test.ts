import { beforeAll, describe, expect, test } from 'vitest'
import { openCheckpoint, signCheckpoint, withCosignatures } from '../../../src/audit/tree/checkpoints.ts'
import { CompactRange } from '../../../src/audit/tree/compact-range.ts'
import { decodeEntries, encodeEntries } from '../../../src/audit/tree/entry-bundles.ts'
import { leafHash } from '../../../src/audit/tree/hashes.ts'
import { proveConsistency, proveInclusion } from '../../../src/audit/tree/make-proofs.ts'
import { parseVerifierKey, verifierKeyText } from '../../../src/audit/tree/note-keys.ts'
import { cosign, signText } from '../../../src/audit/tree/note-signatures.ts'
import { noteText, parseNote, signatureLines, verifyNote } from '../../../src/audit/tree/notes.ts'
import { parseProofFile, proofFileText, verifyProofFile } from '../../../src/audit/tree/proof-file.ts'
import { hashesOfTiles } from '../../../src/audit/tree/read-tiles.ts'
import type { HashReader } from '../../../src/audit/tree/subtrees.ts'
import { encodeTile, parseTilePath, tilePath, tilesBetween } from '../../../src/audit/tree/tiles.ts'
import { provesConsistency, provesInclusion } from '../../../src/audit/tree/verify-proofs.ts'
import { GrownTree, entryOf, newKey, uniformReader, valueOf } from '../../support/audit-tree.ts'
import { GoTlog, type GoTrail } from '../../support/go-tlog.ts'

const SIZE = 70_000
const TIME = 1_764_115_200
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64')
const bytes = (text: string) => Buffer.from(text, 'base64')

const key = newKey('log.example/audit/test')
const witness = newKey('witness.example/ours', 'cosignature/v1')
const entries = Array.from({ length: SIZE }, (_, index) => entryOf(index))
const tree = new GrownTree(entries)

let go: GoTlog
let ours: GoTrail
beforeAll(async () => {
  go = await GoTlog.obtain()
  ours = await trailOf(tree)
}, 600_000)

const inclusionOf = async (index: number, size: number, read: HashReader, entry: Buffer) => ({
  index,
  leaf: base64(leafHash(entry)),
  size,
  root: base64((await CompactRange.read(size, read)).head.root),
  proof: (await proveInclusion(index, size, read)).map(base64),
})

const consistencyOf = async (from: number, to: number, read: HashReader) => ({
  from,
  fromRoot: base64((await CompactRange.read(from, read)).head.root),
  to,
  toRoot: base64((await CompactRange.read(to, read)).head.root),
  proof: (await proveConsistency(from, to, read)).map(base64),
})

/** Everything that Go can read of this tree: all tiles, bundles, and proofs for small, uneven and round sizes. */
async function trailOf({ head, read }: GrownTree): Promise<GoTrail> {
  const signed = valueOf(signCheckpoint(key, head, undefined, []))
  const { text } = valueOf(parseNote(signed))
  const checkpoint = valueOf(withCosignatures(signed, signatureLines([cosign(text, witness, TIME)]), [witness]))
  const trail: GoTrail = {
    logKey: verifierKeyText(key),
    witnessKey: verifierKeyText(witness),
    checkpoint,
    entries: entries.map(base64),
    tiles: {},
    bundles: {},
    inclusions: [],
    consistencies: [],
    proofFiles: [],
  }
  for (const tile of tilesBetween(0, head.size)) {
    const row = Array.from({ length: tile.width }, (_, at) => ({ level: tile.level * 8, index: tile.index * 256 + at }))
    trail.tiles[tilePath(tile)] = base64(encodeTile(await read(row)))
    if (tile.level > 0) continue
    const from = tile.index * 256
    trail.bundles[tilePath({ ...tile, level: 'entries' })] = base64(
      encodeEntries(entries.slice(from, from + tile.width)),
    )
  }
  for (const size of [1, 2, 3, 7, 8, 255, 256, 257, 1_000, 65_536, 65_537, SIZE])
    for (const index of new Set([0, 1, size >> 1, size - 2, size - 1].filter((at) => at >= 0 && at < size))) {
      trail.inclusions.push(await inclusionOf(index, size, read, entryOf(index)))
      trail.consistencies.push(await consistencyOf(index + 1, size, read))
      const proof = await proveInclusion(index, head.size, read)
      trail.proofFiles.push(proofFileText({ extra: entryOf(index), index, proof, checkpoint }))
    }
  return trail
}

describe('Go accepts what we make', () => {
  test('checkpoint, cosignature, tiles, bundles, proofs and proof files', async () => {
    const { refused, seen } = await go.judge({ ...ours, notes: [] })
    expect(refused).toEqual([])
    expect(seen).toEqual({
      checkpoint: 1,
      root: 1,
      tile: 277,
      bundle: 274,
      'proof from tiles': 722,
      inclusion: ours.inclusions.length,
      consistency: ours.consistencies.length,
      'proof file': ours.proofFiles.length,
    })
  })

  test('proofs in trees of up to 2^53 leaves', async () => {
    const read = uniformReader(entryOf(0))
    const sizes = [2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 2 ** 48 + 12_345, 2 ** 53 - 1]
    const inclusions = await Promise.all(
      sizes.flatMap((size) =>
        [0, 2 ** 31 - 1, size - 2, size - 1].map((index) => inclusionOf(index, size, read, entryOf(0))),
      ),
    )
    const consistencies = await Promise.all(
      sizes.flatMap((to, at) => [1, ...sizes.slice(0, at), to - 1].map((from) => consistencyOf(from, to, read))),
    )
    const { refused, seen } = await go.judge({ ...ours, inclusions, consistencies, notes: [] })
    expect(refused).toEqual([])
    expect(seen).toMatchObject({ inclusion: inclusions.length, consistency: consistencies.length })
  })

  test('an empty tree, and one of one leaf', async () => {
    for (const size of [0, 1]) {
      const small = new GrownTree(entries.slice(0, size))
      const trail = { ...ours, inclusions: [], consistencies: [], proofFiles: [] }
      const checkpoint = valueOf(signCheckpoint(key, small.head, undefined, []))
      const tiles = size === 0 ? {} : { 'tile/0/000.p/1': base64(small.head.root) }
      const bundles = size === 0 ? {} : { 'tile/entries/000.p/1': base64(encodeEntries(entries.slice(0, 1))) }
      const judged = { ...trail, checkpoint, witnessKey: '', entries: ours.entries.slice(0, size), tiles, bundles }
      expect((await go.judge({ ...judged, notes: [] })).refused).toEqual([])
    }
  })

  test('it would say what it does not accept', async () => {
    const [inclusion] = ours.inclusions.slice(-1)
    const [consistency] = ours.consistencies.slice(-3)
    const [proofFile = ''] = ours.proofFiles
    const { refused } = await go.judge({
      ...ours,
      tiles: { ...ours.tiles, 'tile/0/000': base64(Buffer.alloc(8192)) },
      bundles: { ...ours.bundles, 'tile/entries/273.p/112': '' },
      inclusions: inclusion === undefined ? [] : [{ ...inclusion, index: 0 }],
      consistencies: consistency === undefined ? [] : [{ ...consistency, from: 1 }],
      proofFiles: [proofFile.replace('index 0\n', 'index 1\n')],
      notes: [],
    })
    const kinds = new Set(refused.map((line) => line.split(':')[0]))
    expect(kinds).toEqual(new Set(['tile', 'bundle', 'proof from tiles', 'inclusion', 'consistency', 'proof file']))
    const forged = ours.checkpoint.replace('\n70000\n', '\n70001\n')
    expect((await go.judge({ ...ours, checkpoint: forged, notes: [] })).refused).toEqual([
      expect.stringMatching(/^checkpoint: .*invalid signature/),
    ])
  })
})

describe('we accept what Go makes', () => {
  let theirs: GoTrail
  beforeAll(async () => {
    theirs = await go.make({ origin: 'go.example/log', witness: 'witness.example/go', size: 1_300 })
  })
  const openedBy = (trail: GoTrail) => {
    const log = { origin: 'go.example/log', keys: [valueOf(parseVerifierKey(trail.logKey))] }
    const witnesses = [valueOf(parseVerifierKey(trail.witnessKey))]
    return { log, witnesses, ...valueOf(openCheckpoint(trail.checkpoint, log, witnesses)) }
  }

  test('its checkpoint, with the cosignature of its witness', () => {
    const { checkpoint, cosignatures } = openedBy(theirs)
    expect(checkpoint).toMatchObject({ origin: 'go.example/log', size: 1_300 })
    expect(cosignatures).toMatchObject([{ name: 'witness.example/go' }])
    expect(cosignatures[0]?.time).toBeGreaterThan(TIME)
    expect(noteText(valueOf(parseNote(theirs.checkpoint)))).toBe(theirs.checkpoint)
  })

  test('its keys, which are written as they were read', () => {
    for (const text of [theirs.logKey, theirs.witnessKey])
      expect(verifierKeyText(valueOf(parseVerifierKey(text)))).toBe(text)
  })

  test('its root, of its entries', () => {
    const { checkpoint } = openedBy(theirs)
    const { head } = new GrownTree(theirs.entries.map(bytes))
    expect(head).toEqual({ size: checkpoint.size, root: checkpoint.root })
  })

  test('its tiles and bundles: they are those that we would make', async () => {
    const grown = new GrownTree(theirs.entries.map(bytes))
    const paths = [...tilesBetween(0, 1_300)].map(tilePath)
    expect(Object.keys(theirs.tiles).toSorted()).toEqual(paths.toSorted())
    const read = hashesOfTiles(1_300, async (tiles) => tiles.map((tile) => bytes(theirs.tiles[tilePath(tile)] ?? '')))
    for (let index = 0; index < 1_300; index += 13)
      expect(await proveInclusion(index, 1_300, read)).toEqual(await proveInclusion(index, 1_300, grown.read))
    for (const [path, bundle] of Object.entries(theirs.bundles)) {
      const { level, index, width } = valueOf(parseTilePath(path))
      expect(level).toBe('entries')
      expect(valueOf(decodeEntries(bytes(bundle), width)).map(base64)).toEqual(
        theirs.entries.slice(index * 256, index * 256 + width),
      )
    }
  })

  test('its proofs', () => {
    const bad = theirs.inclusions.filter(({ index, leaf, size, root, proof }) => {
      const claim = { leaf: bytes(leaf), index, tree: { size, root: bytes(root) } }
      return !provesInclusion(proof.map(bytes), claim)
    })
    const inconsistent = theirs.consistencies.filter(
      ({ from, fromRoot, to, toRoot, proof }) =>
        !provesConsistency(proof.map(bytes), { size: from, root: bytes(fromRoot) }, { size: to, root: bytes(toRoot) }),
    )
    expect([bad, inconsistent]).toEqual([[], []])
    expect(theirs.inclusions.length + theirs.consistencies.length).toBeGreaterThan(1_000)
  })

  test('its proof files', () => {
    const { log, witnesses } = openedBy(theirs)
    expect(theirs.proofFiles.length).toBeGreaterThan(10)
    for (const text of theirs.proofFiles) {
      const file = valueOf(parseProofFile(text))
      const leaf = leafHash(file.extra ?? Buffer.alloc(0))
      expect(valueOf(verifyProofFile(file, leaf, log, witnesses)).cosignatures).toHaveLength(1)
      expect(proofFileText(file)).toBe(text)
    }
  })
})

test('of notes that were changed at random, Go accepts all that we accept, and more only by loose bits of base64', async () => {
  const text = 'log.example/audit/test\n\ntext\n'
  const note = noteText({ text, signatures: [signText(text, key)] })
  const pieces = ['', '\n', '\n\n', '— ', ' ', '=', 'A', '\ufeff', '\u0085', '+', note.slice(text.length + 1)]
  const notes = [note, note.repeat(2)]
  for (let at = 0; at <= note.length; at++)
    for (const piece of pieces)
      notes.push(note.slice(0, at) + piece + note.slice(at), note.slice(0, at) + piece + note.slice(at + 1))
  const { signed } = await go.judge({ ...ours, tiles: {}, notes })
  const accepts = (changed: string) => {
    const read = parseNote(changed)
    return 'value' in read && 'value' in verifyNote(read.value, [key])
  }
  const canonical = (changed: string) => changed.replace(/\S+(?=\n$)/, (bits) => base64(bytes(bits)))
  expect(signed).toHaveLength(notes.length)
  expect(notes.filter(accepts).length).toBeGreaterThan(5)
  expect(notes.filter((changed, at) => accepts(changed) && signed[at] !== true)).toEqual([])
  expect(notes.filter((changed, at) => signed[at] === true && !accepts(canonical(changed)))).toEqual([])
})
