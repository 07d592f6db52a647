import { hash } from 'node:crypto'
import { Failure } from '../../domain/failure.ts'
import { bytesOfBase64 } from './canonical-text.ts'

/** A SHA-256 hash, 32 bytes: of a leaf, of a node or of a whole tree. */
export type Hash = Buffer

export const HASH_BYTES = 32

/**
 * A tree as a checkpoint states it. Sizes and indexes are numbers, not BigInts: a trail that grows by 100,000 records a
 * second reaches 2^53 after 2,800 years, and JSON, PostgreSQL drivers and array indexes take numbers as they are.
 */
export type TreeHead = { readonly size: number; readonly root: Hash }

/** The root of a tree without leaves (RFC 6962 section 2.1): the hash of nothing. */
export function emptyRoot(): Hash {
  return sha256(Buffer.alloc(0))
}

/** The hash of a leaf with these bytes. */
export function leafHash(bytes: Uint8Array): Hash {
  return sha256(Buffer.concat([LEAF, bytes]))
}

/** The hash of a node over its two subtrees. @throws Failure JW_UNEXPECTED when one of them is no hash */
export function nodeHash(left: Hash, right: Hash): Hash {
  // Of other lengths, two pairs could give the same bytes.
  if (!isHash(left) || !isHash(right)) throw new Failure('JW_UNEXPECTED', 'a node is made of two hashes of 32 bytes')
  return sha256(Buffer.concat([NODE, left, right]))
}

/** Whether these bytes are as long as a hash. */
export function isHash(bytes: Uint8Array): boolean {
  return bytes.length === HASH_BYTES
}

/** Whether the number can be a size or an index: whole, from 0 to 2^53 - 1. */
export function isSize(number: number): boolean {
  return Number.isSafeInteger(number) && number >= 0
}

/** The hash in base64; undefined when the text is not exactly that. */
export function hashOfBase64(text: string): Hash | undefined {
  const bytes = bytesOfBase64(text)
  return bytes !== undefined && isHash(bytes) ? bytes : undefined
}

// The first byte keeps a leaf from passing as a node, and a node as a leaf.
const LEAF = Buffer.of(0x00)
const NODE = Buffer.of(0x01)

function sha256(bytes: Uint8Array): Hash {
  return hash('sha256', bytes, 'buffer')
}
