import { Failure } from '../domain/failure.ts'
import { leafOfRow } from './leaf-of-row.ts'
import type { StoredLeaf } from './stored-tree.ts'
import { leafHash } from './tree/hashes.ts'
import { MAX_ERASED } from './tree/leaf-record.ts'
import { type Commitments, commitments } from './tree/personal-columns.ts'

/** A record without its personal values: what is left of them are the digests that its leaf has. */
export type ErasedRecord = { readonly seq: number; readonly index: number; readonly digests: Commitments }

/** Who erases, and why; both are personal values of the erasure's own leaf. */
export type ErasureReason = { readonly by: string; readonly reason: string }

/** The personal values of one user, while nobody else erases them. All of it is stored, or nothing. */
export interface PersonalRecords {
  /** Records of the user that have a leaf, by index; at most `limit`. */
  withLeaf(limit: number): Promise<readonly StoredLeaf[]>
  /** Deletes personal values and salts, keeps the digests, and makes an erasure, which is pending then. */
  erase(records: readonly ErasedRecord[], why: ErasureReason): Promise<void>
  /** How many records of the user still have personal values. */
  left(): Promise<number>
}

/** Where personal values are kept. */
export interface PersonalStore {
  /** Runs `step` in one transaction. @throws Failure of the step, JW_STORE_* */
  ofUser<Result>(userId: string, step: (records: PersonalRecords) => Promise<Result>): Promise<Result>
}

/** `left` are records that wait for their leaves: erase them by another call. */
export type Erased = { readonly erased: number; readonly left: number }

/**
 * Erases the personal values of a user from every record that has a leaf. Leaves and proofs stay valid: they hold digests.
 * @throws Failure JW_TRAIL_BROKEN when a record is not what its leaf was made of; then it and those after it are kept
 */
export async function erasePerson(store: PersonalStore, userId: string, why: ErasureReason): Promise<Erased> {
  for (let erased = 0; ;) {
    const { count, left } = await store.ofUser(userId, async (records) => {
      const leaves = await records.withLeaf(MAX_ERASED)
      if (leaves.length > 0) await records.erase(leaves.map(withoutPersonal), why)
      return { count: leaves.length, left: await records.left() }
    })
    erased += count
    if (count < MAX_ERASED) return { erased, left }
  }
}

/** Once the values are gone nobody can find out whether they were those of the leaf, so that is verified before. */
function withoutPersonal(leaf: StoredLeaf): ErasedRecord {
  const { index, seq, row, hash } = leaf
  const bytes = leafOfRow(leaf)
  if ('refused' in bytes || row?.salt === undefined || !leafHash(bytes.value).equals(hash))
    throw new Failure('JW_TRAIL_BROKEN', `the record of leaf ${index} is not what it was made of; it is not erased`)
  return { seq, index, digests: commitments(row.salt, row.personal) }
}
