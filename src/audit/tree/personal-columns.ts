import { createHmac, hash, randomBytes } from 'node:crypto'
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
  return createHmac('sha256', salt).update(column).digest()
}

/** What a leaf holds in place of a value: the SHA-256 of its column's salt and its canonical JSON. */
export function commitment(saltOfColumn: Uint8Array, value: Json): string {
  return hash('sha256', Buffer.concat([saltOfColumn, Buffer.from(canonicalJson(value))]))
}

/** What a leaf holds in place of each value. */
export function commitments(salt: Uint8Array, values: PersonalValues): Commitments {
  return Object.fromEntries(
    Object.entries(values).flatMap(([column, value]) =>
      value === undefined ? [] : [[column, commitment(columnSalt(salt, column), value)]],
    ),
  )
}

/** The columns whose values are not those that the leaf stands for, or that only one of both has. None for a true record. */
export function changedColumns(committed: Commitments, salt: Uint8Array, values: PersonalValues): readonly string[] {
  const now = commitments(salt, values)
  const columns = new Set([...Object.keys(committed), ...Object.keys(now)])
  return [...columns].filter((column) => committed[column] !== now[column]).toSorted()
}
