import { textOfUtf8, wholeNumberOf } from './canonical-text.ts'
import { type Checkpoint, parseCheckpointText } from './checkpoint-text.ts'
import { type Hash, hashOfBase64 } from './hashes.ts'
import { type Note, parseNote } from './notes.ts'
import { type Parsed, refuse } from './parsed.ts'

/** What a log asks of a witness (C2SP tlog-witness): cosign this checkpoint, which grew out of the tree of `oldSize`. */
export type AddCheckpoint = {
  readonly oldSize: number
  readonly proof: readonly Hash[]
  readonly note: Note
  readonly checkpoint: Checkpoint
}

/** No proof between trees of up to 2^63 leaves is longer. */
export const MAX_PROOF_LINES = 63

/** The body of a request to a witness. `checkpoint` is a signed note. */
export function addCheckpointBody(oldSize: number, proof: readonly Hash[], checkpoint: string): string {
  return [`old ${oldSize}`, ...proof.map((hash) => hash.toString('base64')), '', checkpoint].join('\n')
}

/** Reads such a body. Nothing is verified. */
export function parseAddCheckpoint(body: string | Uint8Array): Parsed<AddCheckpoint> {
  const text = typeof body === 'string' ? body : textOfUtf8(body)
  if (text === undefined) return malformed('is not UTF-8')
  const blank = text.indexOf('\n\n')
  if (blank === -1) return malformed('has no empty line before the checkpoint')
  const [first = '', ...lines] = text.slice(0, blank).split('\n')
  const oldSize = first.startsWith('old ') ? wholeNumberOf(first.slice('old '.length)) : undefined
  if (oldSize === undefined) return malformed('does not begin with "old" and a size')
  const proof = parseProofLines(lines)
  if ('refused' in proof) return proof
  const note = parseNote(text.slice(blank + 2))
  if ('refused' in note) return note
  const checkpoint = parseCheckpointText(note.value.text)
  if ('refused' in checkpoint) return checkpoint
  return { value: { oldSize, proof: proof.value, note: note.value, checkpoint: checkpoint.value } }
}

/** The hashes of a proof that has one in base64 on each line. */
export function parseProofLines(lines: readonly string[]): Parsed<readonly Hash[]> {
  if (lines.length > MAX_PROOF_LINES) return refuse('malformed_proof', `a proof has at most ${MAX_PROOF_LINES} hashes`)
  const hashes = lines.flatMap((line) => hashOfBase64(line) ?? [])
  return hashes.length === lines.length
    ? { value: hashes }
    : refuse('malformed_proof', 'a line of the proof is not a hash in base64')
}

/** The size that a witness answers with 409: that of the tree which it cosigned last. */
export function parseSizeAnswer(body: string): Parsed<number> {
  const size = body.endsWith('\n') ? wholeNumberOf(body.slice(0, -1)) : undefined
  return size === undefined ? malformed('is not a size and a line feed') : { value: size }
}

function malformed(how: string) {
  return refuse('malformed_body', `the body ${how}`)
}
