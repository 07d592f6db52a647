import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeEntries, encodeEntries } from '../../../src/audit/tree/entry-bundles.ts'
import { proveConsistency, proveInclusion } from '../../../src/audit/tree/make-proofs.ts'
import { type TileReader, hashesOfTiles } from '../../../src/audit/tree/read-tiles.ts'
import {
  type Tile,
  decodeTile,
  encodeTile,
  parseTilePath,
  tileOf,
  tilePath,
  tilesBetween,
} from '../../../src/audit/tree/tiles.ts'
import { GrownTree, entryOf, valueOf } from '../../support/audit-tree.ts'

const summary = (tiles: Iterable<Tile>) => {
  const counts = new Map<string, number>()
  for (const { level, width } of tiles) counts.set(`${level}/${width}`, (counts.get(`${level}/${width}`) ?? 0) + 1)
  return Object.fromEntries(counts)
}

describe('which tiles there are', () => {
  test('a tree of 70,000 leaves has those of the specification', () => {
    expect(summary(tilesBetween(0, 70_000))).toEqual({ '0/256': 273, '0/112': 1, '1/256': 1, '1/17': 1, '2/1': 1 })
  })

  test('a tree of 256 leaves has a full tile and one over it', () => {
    expect([...tilesBetween(0, 256)]).toEqual([
      { level: 0, index: 0, width: 256 },
      { level: 1, index: 0, width: 1 },
    ])
  })

  test('an empty tree has none, nor does one that has not grown', () => {
    expect([...tilesBetween(0, 0), ...tilesBetween(300, 300)]).toEqual([])
    expect(tileOf(0, 0, 0)).toBeUndefined()
  })

  test('growing writes what has changed, and nothing else', () => {
    expect([...tilesBetween(255, 257)].map(tilePath)).toEqual(['tile/0/000', 'tile/0/001.p/1', 'tile/1/000.p/1'])
    expect([...tilesBetween(257, 300)].map(tilePath)).toEqual(['tile/0/001.p/44'])
  })

  test('at every step, what is written last of a level and index is the tile of the tree', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 40_000 }), { minLength: 1, maxLength: 6 }), (steps) => {
        const written = new Map<string, Tile>()
        let size = 0
        for (const step of steps) {
          for (const tile of tilesBetween(size, size + step)) written.set(`${tile.level}/${tile.index}`, tile)
          size += step
        }
        const whole = new Map([...tilesBetween(0, size)].map((tile) => [`${tile.level}/${tile.index}`, tile]))
        expect(written).toEqual(whole)
        for (const tile of whole.values()) expect(tileOf(size, tile.level, tile.index)).toEqual(tile)
      }),
      { numRuns: 30 },
    )
  })
})

describe('paths', () => {
  const paths: readonly (readonly [string, object])[] = [
    ['tile/0/000', { level: 0, index: 0, width: 256 }],
    ['tile/0/x001/x234/067', { level: 0, index: 1_234_067, width: 256 }],
    ['tile/2/x001/000.p/1', { level: 2, index: 1_000, width: 1 }],
    ['tile/63/999.p/255', { level: 63, index: 999, width: 255 }],
    ['tile/entries/x123/456.p/7', { level: 'entries', index: 123_456, width: 7 }],
    ['tile/0/x009/x007/x199/x254/x740/991', { level: 0, index: 2 ** 53 - 1, width: 256 }],
  ]
  test.each(paths)('%s is read as it is written', (path, tile) => {
    const read = valueOf(parseTilePath(path))
    expect(read).toEqual(tile)
    expect(tilePath(read)).toBe(path)
  })

  test.each([
    '',
    'tile/0',
    'tile/0/0',
    'tile/0/0000',
    'tile/00/000',
    'tile/64/000',
    'tile/-1/000',
    'tile/data/000',
    'tile/0/x000/067',
    'tile/0/001/067',
    'tile/0/x001',
    'tile/0/000.p/0',
    'tile/0/000.p/256',
    'tile/0/000.p/01',
    'tile/0/000.p/',
    'tile/0/000/',
    '/tile/0/000',
    'tile/0/000?x',
    'tile/0/../000',
    'tile/8/0/000',
    'tile/0/x009/x007/x199/x254/x740/992',
    'tile/0/٠٠٠',
  ])('"%s" is refused', (path) => {
    expect(parseTilePath(path)).toMatchObject({ refused: { code: 'malformed_path' } })
  })
})

describe('proofs from tiles', () => {
  const SIZE = 70_000
  const tree = new GrownTree(Array.from({ length: SIZE }, (_, index) => entryOf(index)))
  const levels = (tile: Tile) =>
    Array.from({ length: tile.width }, (_, at) => ({ level: tile.level * 8, index: tile.index * 256 + at }))
  const asked: string[] = []
  const readTiles: TileReader = async (tiles) => {
    asked.push(...tiles.map(tilePath))
    return Promise.all(tiles.map(async (tile) => encodeTile(await tree.read(levels(tile)))))
  }

  test('are those from all hashes, for trees of any size', async () => {
    const pair = fc
      .tuple(fc.nat(SIZE - 1), fc.nat(SIZE - 1))
      .map(([one, other]) => [Math.min(one, other), Math.max(one, other) + 1] as const)
    await fc.assert(
      fc.asyncProperty(pair, async ([index, size]) => {
        const read = hashesOfTiles(size, readTiles)
        expect(await proveInclusion(index, size, read)).toEqual(await proveInclusion(index, size, tree.read))
        expect(await proveConsistency(index, size, read)).toEqual(await proveConsistency(index, size, tree.read))
      }),
      { numRuns: 60 },
    )
  })

  test('need each tile once, and only tiles of the tree', async () => {
    asked.length = 0
    await proveInclusion(69_990, SIZE, hashesOfTiles(SIZE, readTiles))
    expect(asked.toSorted()).toEqual(['tile/0/273.p/112', 'tile/1/001.p/17', 'tile/2/000.p/1'])
  })

  test('a tile that is missing or short is told by its path', async () => {
    const none = hashesOfTiles(SIZE, async () => [])
    await expect(proveInclusion(0, SIZE, none)).rejects.toThrow(/JW_TRAIL_BROKEN: tile\/\d/)
    const short = hashesOfTiles(300, async (tiles) => tiles.map(() => Buffer.alloc(32)))
    await expect(proveInclusion(0, 300, short)).rejects.toMatchObject({ code: 'JW_TRAIL_BROKEN' })
  })

  test('a subtree that is not complete is not read', async () => {
    const read = hashesOfTiles(300, readTiles)
    await expect(read([{ level: 6, index: 4 }])).rejects.toMatchObject({ code: 'JW_UNEXPECTED' })
    await expect(read([{ level: 9, index: 0 }])).rejects.toMatchObject({ code: 'JW_UNEXPECTED' })
    expect(await read([{ level: 8, index: 0 }])).toEqual(await tree.read([{ level: 8, index: 0 }]))
  })

  test('a tile has exactly the bytes of its hashes', async () => {
    const tile = { level: 0, index: 0, width: 3 }
    const hashes = await tree.read(levels(tile))
    expect(valueOf(decodeTile(encodeTile(hashes), tile))).toEqual(hashes)
    for (const length of [0, 95, 97, 128])
      expect(decodeTile(Buffer.alloc(length), tile)).toMatchObject({ refused: { code: 'malformed_tile' } })
  })
})

describe('bundles of entries', () => {
  test('have each entry after its length in two bytes', () => {
    const entries = [Buffer.from('abc'), Buffer.alloc(0), Buffer.alloc(258, 7)]
    const bytes = encodeEntries(entries)
    expect(bytes.subarray(0, 9).toString('hex')).toBe('000361626300000102')
    expect(valueOf(decodeEntries(bytes, 3))).toEqual(entries)
  })

  test('come back as they were, the longest entry too', () => {
    const entry = fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.constant(new Uint8Array(65_535)))
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 20 }), (entries) => {
        const buffers = entries.map((bytes) => Buffer.from(bytes))
        expect(valueOf(decodeEntries(encodeEntries(buffers), buffers.length))).toEqual(buffers)
      }),
    )
  })

  test('that are cut, or have more or fewer entries, are refused', () => {
    const bytes = encodeEntries([Buffer.from('abc'), Buffer.from('de')])
    for (let length = 0; length < bytes.length; length++)
      expect(decodeEntries(bytes.subarray(0, length), 2)).toMatchObject({ refused: { code: 'malformed_bundle' } })
    expect(decodeEntries(bytes, 1)).toMatchObject({ refused: { code: 'malformed_bundle' } })
    expect(decodeEntries(Buffer.concat([bytes, Buffer.of(0)]), 2)).toMatchObject({
      refused: { message: 'entry 2 ends after the bundle' },
    })
  })

  test('hold no longer entry, and no more than 256', () => {
    expect(() => encodeEntries([Buffer.alloc(65_536)])).toThrow(/JW_UNEXPECTED/)
    expect(() => encodeEntries(Array.from({ length: 257 }, () => Buffer.alloc(0)))).toThrow(/JW_UNEXPECTED/)
  })
})
