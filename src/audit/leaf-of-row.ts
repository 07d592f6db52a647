import type { NumberedRow } from './trail-tree.ts'
import { encodeLeaf } from './tree/leaf.ts'
import { type Parsed, refuse } from './tree/parsed.ts'
import { commitments } from './tree/personal-columns.ts'

/** The bytes of the leaf of a row. Refused when the row is gone, or lacks what a leaf of its kind has. */
export function leafOfRow({ kind, row }: NumberedRow): Parsed<Buffer> {
  if (row === undefined) return refuse('row_gone', 'has no row any more')
  const { id, occurredAt, fields, personal, salt, erased } = row
  const digests = salt === undefined ? erased : commitments(salt, personal)
  if (digests === undefined && kind !== 'heartbeat')
    return refuse('personal_gone', 'has no personal values any more, and no erasure took them')
  return encodeLeaf({ ...fields, kind, id, occurredAt, personal: digests ?? {} })
}
