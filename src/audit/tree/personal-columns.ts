import { hash, randomBytes } from 'node:crypto'
import { Failure } from '../../domain/failure.ts'
import { type Json, canonicalJson } from './canonical-json.ts'
import { HASH_BYTES } from './hashes.ts'

/** The personal values of a record by column. A column that is undefined is not there. */
export type PersonalValues = { readonly [column: string]: Json | undefined }

/** Digests in the leaf that stand for personal values: lower-case hex by column. */
export type Commitments = Readonly<Record<string, string>>

/** A secret of 32 random bytes. Each record has its own, kept beside its personal values and erased with them. */
export function newSalt(): Buffer {
  return randomBytes(HASH_BYTES)
}

/** The salt of one column. Who is shown that column gets this one, and can try no guesses at the others. */
export function columnSalt(salt: Uint8Array, column: string): Buffer {
  return columnSalts(salt)(column)
}

const BLOCK_BYTES = 64

/**
 * HMAC-SHA-256 (RFC 2104) under the salt. `createHmac` gives the same and takes many times as long: a trail needs six for
 * each record, and verifying a million records would take minutes more.
 */
function columnSalts(salt: Uint8Array): (column: string) => Buffer {
  if (salt.length > BLOCK_BYTES) throw new Failure('JW_UNEXPECTED', `a salt has at most ${BLOCK_BYTES} bytes`)
  const [inner, outer] = [padded(salt, 0x36), padded(salt, 0x5c)]
  return (column) => sha256(outer, sha256(inner, Buffer.from(column)))
}

function padded(salt: Uint8Array, pad: number): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES, pad)
  for (const [at, byte] of salt.entries()) block[at] = byte ^ pad
  return block
}

function sha256(...parts: readonly Uint8Array[]): Buffer {
  return hash('sha256', Buffer.concat(parts), 'buffer')
}

/** What a leaf holds in place of a value: the SHA-256 of its column's salt and its canonical JSON. */
export function commitment(saltOfColumn: Uint8Array, value: Json): string {
  return hash('sha256', Buffer.concat([saltOfColumn, Buffer.from(canonicalJson(value))]))
}

/** What a leaf holds in place of each value. */
export function commitments(salt: Uint8Array, values: PersonalValues): Commitments {
  const saltOf = columnSalts(salt)
  return Object.fromEntries(
    Object.entries(values).flatMap(([column, value]) =>
      value === undefined ? [] : [[column, commitment(saltOf(column), value)]],
    ),
  )
}

/** The columns whose values are not those that the leaf stands for, or that only one of both has. None for a true record. */
export function changedColumns(committed: Commitments, salt: Uint8Array, values: PersonalValues): readonly string[] {
  const now = commitments(salt, values)
  const columns = new Set([...Object.keys(committed), ...Object.keys(now)])
  return [...columns].filter((column) => committed[column] !== now[column]).toSorted()
}
