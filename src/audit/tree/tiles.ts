import { wholeNumberOf } from './canonical-text.ts'
import { HASH_BYTES, type Hash } from './hashes.ts'
import { type Parsed, refuse } from './parsed.ts'

/** A full tile has 256 hashes, and stands for eight levels of the tree. */
export const TILE_WIDTH = 256
export const TILE_LEVELS = 8

const MAX_LEVEL = 63

/**
 * A row of hashes side by side (C2SP tlog-tiles). At level 0 they are leaves, at level l each is over a full tile of the
 * level below. `width` is 1 to 256; a tile with fewer than 256 hashes is partial, and only ever the last of its level.
 */
export type Tile = { readonly level: number; readonly index: number; readonly width: number }

/** Where a bundle of up to 256 entries is served: those whose hashes are in the tile of level 0 with the same index. */
export type EntryBundle = { readonly level: 'entries'; readonly index: number; readonly width: number }

/**
 * The tiles to write when a tree grows, level by level from the leaves up: those that become full, and the partial one of
 * each level that changes. From 0, all tiles of the tree.
 */
export function* tilesBetween(oldSize: number, newSize: number): Generator<Tile> {
  for (let level = 0, old = oldSize, now = newSize; old < now; level++) {
    const end = Math.ceil(now / TILE_WIDTH)
    for (let index = Math.floor(old / TILE_WIDTH); index < end; index++)
      yield { level, index, width: Math.min(TILE_WIDTH, now - index * TILE_WIDTH) }
    old = Math.floor(old / TILE_WIDTH)
    now = Math.floor(now / TILE_WIDTH)
  }
}

/** The tile of a tree of this size at a level and index, as wide as the tree has it; undefined when it has none there. */
export function tileOf(size: number, level: number, index: number): Tile | undefined {
  const width = Math.min(TILE_WIDTH, Math.floor(size / TILE_WIDTH ** level) - index * TILE_WIDTH)
  return width > 0 ? { level, index, width } : undefined
}

const MALFORMED_PATH = refuse('malformed_path', 'the path is not that of a tile or of a bundle of entries')

/** The path below the prefix of a log, such as `tile/0/x001/x234/067` or `tile/entries/000.p/5`. */
export function tilePath({ level, index, width }: Tile | EntryBundle): string {
  const digits = String(index)
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, '0').match(/.{3}/g) ?? []
  const place = groups.map((group, at) => (at < groups.length - 1 ? `x${group}` : group)).join('/')
  return `tile/${level}/${place}${width < TILE_WIDTH ? `.p/${width}` : ''}`
}

/** The tile or bundle that a path names. A path that `tilePath` would write otherwise is refused. */
export function parseTilePath(path: string): Parsed<Tile | EntryBundle> {
  const [, kind = '', place = '', partial] =
    /^tile\/(entries|[0-9]{1,2})\/((?:x[0-9]{3}\/){0,5}[0-9]{3})(?:\.p\/([0-9]{1,3}))?$/.exec(path) ?? []
  const level = wholeNumberOf(kind)
  const index = wholeNumberOf(place.replaceAll(/[x/]/g, '').replace(/^0+(?=[0-9])/, ''))
  const width = partial === undefined ? TILE_WIDTH : wholeNumberOf(partial)
  if (index === undefined || width === undefined || width < 1) return MALFORMED_PATH
  const named = kind === 'entries' ? ({ level: kind, index, width } as const) : tileAt(level, index, width)
  return named !== undefined && tilePath(named) === path ? { value: named } : MALFORMED_PATH
}

function tileAt(level: number | undefined, index: number, width: number): Tile | undefined {
  return level === undefined || level > MAX_LEVEL ? undefined : { level, index, width }
}

/** The bytes of a tile with these hashes. */
export function encodeTile(hashes: readonly Hash[]): Buffer {
  return Buffer.concat(hashes)
}

/** The hashes of a tile. Refused when there are not exactly as many as it is wide. */
export function decodeTile(bytes: Uint8Array, { width }: Tile): Parsed<readonly Hash[]> {
  if (bytes.length !== width * HASH_BYTES)
    return refuse('malformed_tile', `a tile of ${width} hashes has ${width * HASH_BYTES} bytes, not ${bytes.length}`)
  const all = Buffer.from(bytes)
  return {
    value: Array.from({ length: width }, (_, at) => all.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES)),
  }
}
