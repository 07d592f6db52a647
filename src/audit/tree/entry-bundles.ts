import { Failure } from '../../domain/failure.ts'
import { type Parsed, refuse } from './parsed.ts'
import { TILE_WIDTH } from './tiles.ts'

/** An entry is preceded by its length in two bytes. */
export const MAX_ENTRY_BYTES = 65_535

/**
 * The bytes of entries side by side, each after its length as a big-endian number of two bytes (C2SP tlog-tiles).
 * @throws Failure JW_UNEXPECTED when an entry is too long, or there are more than 256
 */
export function encodeEntries(entries: readonly Uint8Array[]): Buffer {
  if (entries.length > TILE_WIDTH || entries.some(({ length }) => length > MAX_ENTRY_BYTES))
    throw new Failure('JW_UNEXPECTED', `a bundle has at most ${TILE_WIDTH} entries of ${MAX_ENTRY_BYTES} bytes`)
  return Buffer.concat(entries.flatMap((entry) => [Buffer.of(entry.length >> 8, entry.length & 0xff), entry]))
}

/** The entries of a bundle. Refused when there are not exactly as many as it is wide, or bytes are left. */
export function decodeEntries(bytes: Uint8Array, width: number): Parsed<readonly Buffer[]> {
  const all = Buffer.from(bytes)
  const entries: Buffer[] = []
  for (let at = 0; at < all.length;) {
    const from = at + 2
    const until = from <= all.length ? from + all.readUInt16BE(at) : Infinity
    if (until > all.length) return refuse('malformed_bundle', `entry ${entries.length} ends after the bundle`)
    entries.push(all.subarray(from, until))
    at = until
  }
  if (entries.length !== width) return refuse('malformed_bundle', `a bundle of ${width} entries has ${entries.length}`)
  return { value: entries }
}
