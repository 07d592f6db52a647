import { parseProofLines } from './add-checkpoint.ts'
import { bytesOfBase64, textOfUtf8, wholeNumberOf } from './canonical-text.ts'
import { type Log, type OpenedCheckpoint, openCheckpoint } from './checkpoints.ts'
import type { Hash } from './hashes.ts'
import type { NoteKey } from './note-keys.ts'
import { type Parsed, refuse } from './parsed.ts'
import { provesInclusion } from './verify-proofs.ts'

/**
 * A proof of one leaf that is verified offline (C2SP tlog-proof, files ending in `.tlog-proof`). `extra` is whatever the
 * application adds; nothing vouches for it. `checkpoint` is a signed note.
 */
export type ProofFile = {
  readonly extra?: Buffer
  readonly index: number
  readonly proof: readonly Hash[]
  readonly checkpoint: string
}

const FIRST_LINE = 'c2sp.org/tlog-proof@v1'

/** The text of such a file. */
export function proofFileText({ extra, index, proof, checkpoint }: ProofFile): string {
  return [
    FIRST_LINE,
    ...(extra === undefined ? [] : [`extra ${extra.toString('base64')}`]),
    `index ${index}`,
    ...proof.map((hash) => hash.toString('base64')),
    '',
    checkpoint,
  ].join('\n')
}

/** Reads such a file. Nothing is verified. */
export function parseProofFile(file: string | Uint8Array): Parsed<ProofFile> {
  const text = typeof file === 'string' ? file : textOfUtf8(file)
  if (text === undefined) return malformed('is not UTF-8')
  const blank = text.indexOf('\n\n')
  if (blank === -1) return malformed('has no empty line before the checkpoint')
  const [first, ...lines] = text.slice(0, blank).split('\n')
  if (first !== FIRST_LINE) return malformed(`does not begin with ${FIRST_LINE}`)
  const extraLine = lines[0]?.startsWith('extra ') ? lines.shift()?.slice('extra '.length) : undefined
  const extra = extraLine === undefined ? undefined : bytesOfBase64(extraLine)
  if (extraLine !== undefined && extra === undefined) return malformed('has extra data that is not in base64')
  const indexLine = lines.shift() ?? ''
  const index = indexLine.startsWith('index ') ? wholeNumberOf(indexLine.slice('index '.length)) : undefined
  if (index === undefined) return malformed('has no index from 0 to 2^53 - 1')
  const proof = parseProofLines(lines)
  if ('refused' in proof) return proof
  const checkpoint = text.slice(blank + 2)
  return { value: { ...(extra !== undefined && { extra }), index, proof: proof.value, checkpoint } }
}

/**
 * Verifies that the log has this leaf at the index of the file. How many cosignatures are enough, and how old they may be,
 * is for the caller to judge by what is returned.
 */
export function verifyProofFile(
  { index, proof, checkpoint }: ProofFile,
  leaf: Hash,
  log: Log,
  witnesses: readonly NoteKey[],
): Parsed<OpenedCheckpoint> {
  const opened = openCheckpoint(checkpoint, log, witnesses)
  if ('refused' in opened) return opened
  return provesInclusion(proof, { leaf, index, tree: opened.value.checkpoint })
    ? opened
    : refuse('not_included', `the proof does not show that the log has this leaf at index ${index}`)
}

function malformed(how: string) {
  return refuse('malformed_proof', `the file ${how}`)
}
