import type { z } from 'zod'
import { Failure } from '../../domain/failure.ts'
import { parseStrictJson } from '../../parsing/parse-json.ts'
import { canonicalJson } from './canonical-json.ts'
import { textOfUtf8 } from './canonical-text.ts'
import { LeafRecord } from './leaf-record.ts'
import { type Parsed, refuse } from './parsed.ts'

/**
 * The first line of a leaf. Another version is for records that would have other bytes than now; a further kind or member
 * changes no leaf that is there, and whoever does not know it refuses the leaf.
 */
const VERSION = 'jobwarden-leaf/v1\n'

/** A leaf is an object of lists, objects and plain values. */
const MAX_DEPTH = 2

/**
 * The bytes that a leaf is the hash of: a line with the format, then the record as canonical JSON. At most as many as an
 * entry may have.
 * @throws Failure JW_UNEXPECTED when it is no record. What a trail has hashed stays, so types alone are not trusted here.
 */
export function leafBytes(record: LeafRecord): Buffer {
  const encoded = encodeLeaf(record)
  if ('refused' in encoded)
    throw new Failure('JW_UNEXPECTED', `the ${record.kind} "${record.id}" ${encoded.refused.message}`)
  return encoded.value
}

/** The same for what may be no record: then it is refused. */
export function encodeLeaf(record: unknown): Parsed<Buffer> {
  const { success, data, error } = LeafRecord.safeParse(record)
  return success
    ? { value: Buffer.from(`${VERSION}${canonicalJson(data)}`) }
    : refuse('no_record', `fits no leaf${wrong(error)}`)
}

/** The record of a leaf. `leafBytes` gives the same bytes back: every other spelling is refused. */
export function parseLeaf(bytes: Uint8Array): Parsed<LeafRecord> {
  const text = textOfUtf8(bytes)
  if (text === undefined) return malformed('is not UTF-8')
  if (!text.startsWith(VERSION)) return malformed('does not begin with a known format')
  const json = parseStrictJson(text.slice(VERSION.length), MAX_DEPTH)
  if ('refused' in json) return malformed(`has JSON that is refused: ${json.refused.message}`)
  const record = LeafRecord.safeParse(json.value)
  if (!record.success) return malformed(`holds no record${wrong(record.error)}`)
  return leafBytes(record.data).equals(bytes) ? { value: record.data } : malformed('is not spelled canonically')
}

/** The places that are wrong. What is there stays untold: others may have chosen it. */
function wrong({ issues }: z.ZodError): string {
  const places = [...new Set(issues.map(({ path }) => path.join('.')).filter((place) => place !== ''))]
  return places.length === 0 ? '' : `: look at ${places.slice(0, 8).join(', ')}`
}

function malformed(how: string) {
  return refuse('malformed_leaf', `the leaf ${how}`)
}
