import { type Checkpoint, checkpointText, parseCheckpointText } from './checkpoint-text.ts'
import type { Hash, TreeHead } from './hashes.ts'
import type { NoteKey, SigningKey } from './note-keys.ts'
import { type NoteSignature, type VerifiedSignature, signText } from './note-signatures.ts'
import { type Note, noteText, parseNote, parseSignatureLines, verifyNote } from './notes.ts'
import { type Parsed, refuse } from './parsed.ts'
import { provesConsistency } from './verify-proofs.ts'

/** A log as whoever trusts it knows it: the first line of its checkpoints, and the keys that may sign them. */
export type Log = { readonly origin: string; readonly keys: readonly NoteKey[] }

/** A checkpoint that its log signed. `cosignatures` has, of each known witness that cosigned it, the latest one. */
export type OpenedCheckpoint = {
  readonly checkpoint: Checkpoint
  readonly cosignatures: readonly VerifiedSignature[]
}

/**
 * Signs a checkpoint under the key's name as origin, without extension lines. `last` is the tree that was signed last, and
 * `proof` shows that the new one begins with it. A log that signs what is not consistent has forked, so that is refused:
 * whoever signs keeps what it signed where others cannot write.
 */
export function signCheckpoint(
  key: SigningKey,
  tree: TreeHead,
  last: TreeHead | undefined,
  proof: readonly Hash[],
): Parsed<string> {
  if (last !== undefined && last.size > tree.size)
    return refuse('rolled_back', `a tree of ${last.size} leaves was signed before, this one has ${tree.size}`)
  if (last !== undefined && !provesConsistency(proof, last, tree))
    return refuse('inconsistent', `the tree of ${tree.size} leaves does not begin with the ${last.size} signed before`)
  const text = checkpointText({ origin: key.name, extensions: [], ...tree })
  return { value: noteText({ text, signatures: [signText(text, key)] }) }
}

/** Reads a checkpoint and verifies it: the log must have signed it, and no known witness's cosignature may be wrong. */
export function openCheckpoint(
  note: string | Uint8Array,
  log: Log,
  witnesses: readonly NoteKey[],
): Parsed<OpenedCheckpoint> {
  const parsed = parseNote(note)
  if ('refused' in parsed) return parsed
  const checkpoint = parseCheckpointText(parsed.value.text)
  if ('refused' in checkpoint) return checkpoint
  if (checkpoint.value.origin !== log.origin)
    return refuse('other_origin', `the checkpoint is of another log than ${log.origin}`)
  // A witness's signature does not stand in for the log's.
  const signed = verifyNote(parsed.value, log.keys)
  if ('refused' in signed) return signed
  const cosignatures = cosignaturesOf(parsed.value, witnesses)
  return 'refused' in cosignatures
    ? cosignatures
    : { value: { checkpoint: checkpoint.value, cosignatures: cosignatures.value } }
}

/**
 * The checkpoint with what a witness answered, in place of earlier cosignatures of the same keys. Lines of unknown keys are
 * left out. Refused when no known witness cosigned it, or one of them did not make what bears its name.
 */
export function withCosignatures(checkpoint: string, answer: string, witnesses: readonly NoteKey[]): Parsed<string> {
  const note = parseNote(checkpoint)
  if ('refused' in note) return note
  const lines = parseSignatureLines(answer)
  if ('refused' in lines) return lines
  const made = cosignaturesOf({ text: note.value.text, signatures: lines.value }, witnesses)
  if ('refused' in made) return made
  if (made.value.length === 0) return refuse('unsigned', 'the answer has no cosignature of a known witness')
  const others = note.value.signatures.filter((old) => !made.value.some((cosignature) => isOfSameKey(cosignature, old)))
  return { value: noteText({ text: note.value.text, signatures: [...others, ...made.value] }) }
}

/** Those of known witnesses, one a key: a quorum counts witnesses and not lines. */
function cosignaturesOf(note: Note, witnesses: readonly NoteKey[]): Parsed<readonly VerifiedSignature[]> {
  const verified = verifyNote(note, witnesses)
  if ('refused' in verified) return verified.refused.code === 'unsigned' ? { value: [] } : { refused: verified.refused }
  const latest = new Map<string, VerifiedSignature>()
  for (const cosignature of verified.value.verified) {
    // What has no time is no cosignature.
    const key = `${cosignature.name}+${cosignature.id}`
    if ((cosignature.time ?? 0) > (latest.get(key)?.time ?? 0)) latest.set(key, cosignature)
  }
  return { value: [...latest.values()] }
}

function isOfSameKey(one: NoteSignature, other: NoteSignature): boolean {
  return one.name === other.name && one.id === other.id
}
