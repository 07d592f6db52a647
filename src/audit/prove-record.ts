import { Failure } from '../domain/failure.ts'
import { leafOfRow } from './leaf-of-row.ts'
import type { StoredTree } from './stored-tree.ts'
import { type Log, openCheckpoint } from './tree/checkpoints.ts'
import { leafHash } from './tree/hashes.ts'
import type { LeafRecord } from './tree/leaf-record.ts'
import { parseLeaf } from './tree/leaf.ts'
import { proveInclusion } from './tree/make-proofs.ts'
import { type Parsed, refuse } from './tree/parsed.ts'
import { parseProofFile, proofFileText, verifyProofFile } from './tree/proof-file.ts'
import { hashesOfTiles } from './tree/read-tiles.ts'

/**
 * A proof file for the leaf at an index, under the last checkpoint. Its extra data are the bytes of the leaf, so it verifies
 * without the database.
 * @throws Failure JW_TRAIL_BROKEN when the row is not what its leaf was made of, or the tree not what the log signed
 */
export async function proveRecord(stored: StoredTree, index: number, log: Log): Promise<string> {
  const { note } = await stored.end()
  const opened = note === undefined ? refuse('unsigned', 'there is none') : openCheckpoint(note, log, [])
  if (note === undefined || 'refused' in opened)
    throw broken(`last checkpoint: ${'refused' in opened ? opened.refused.message : 'there is none'}`)
  const { size } = opened.value.checkpoint
  const [leaf] = await stored.leaves(index, index + 1)
  if (leaf === undefined || index >= size) throw broken(`the tree of ${size} leaves has none at index ${index}`)
  const bytes = leafOfRow(leaf)
  if ('refused' in bytes) throw broken(`the ${leaf.kind} at index ${index} ${bytes.refused.message}`)
  const proof = await proveInclusion(index, size, hashesOfTiles(size, stored.readTiles))
  const file = { extra: bytes.value, index, proof, checkpoint: note }
  const verified = verifyProofFile(file, leafHash(bytes.value), log, [])
  if ('refused' in verified) throw broken(`index ${index}: ${verified.refused.message}`)
  return proofFileText(file)
}

/** What a proof file shows: a record, its index, and the size of the tree that has it. */
export type ProvenRecord = { readonly record: LeafRecord; readonly index: number; readonly size: number }

/** Verifies a file of `proveRecord` by nothing but the keys of the log. */
export function verifyRecordProof(text: string | Uint8Array, log: Log): Parsed<ProvenRecord> {
  const file = parseProofFile(text)
  if ('refused' in file) return file
  const { extra, index } = file.value
  if (extra === undefined) return refuse('malformed_proof', 'the file does not have the leaf that it is about')
  const opened = verifyProofFile(file.value, leafHash(extra), log, [])
  if ('refused' in opened) return opened
  const record = parseLeaf(extra)
  return 'refused' in record ? record : { value: { record: record.value, index, size: opened.value.checkpoint.size } }
}

function broken(what: string): Failure {
  return new Failure('JW_TRAIL_BROKEN', what)
}
