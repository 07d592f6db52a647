import { Failure } from '../../domain/failure.ts'
import { bytesOfBase64, textOfUtf8 } from './canonical-text.ts'
import { type NoteKey, hasControls, isKeyName } from './note-keys.ts'
import { type NoteSignature, type VerifiedSignature, verifySignature } from './note-signatures.ts'
import { type Parsed, refuse } from './parsed.ts'

/** A text with signatures (C2SP signed-note). Its text means nothing before a signature of a known key has verified. */
export type Note = { readonly text: string; readonly signatures: readonly NoteSignature[] }

/** A note that is signed by at least one known key. */
export type VerifiedNote = Note & { readonly verified: readonly VerifiedSignature[] }

/** The specification wants at least 16; more than this nobody needs to verify. */
export const MAX_SIGNATURES = 100

const MAX_NOTE_LENGTH = 1_048_576

/** Reads a note, strictly: every note has one spelling. Nothing is verified. */
export function parseNote(note: string | Uint8Array): Parsed<Note> {
  if (note.length > MAX_NOTE_LENGTH) return malformed('is longer than a megabyte')
  const all = typeof note === 'string' ? note : textOfUtf8(note)
  if (all === undefined || !all.isWellFormed()) return malformed('is not UTF-8')
  if (hasControls(all)) return malformed('has a control character')
  const blank = all.lastIndexOf('\n\n')
  if (blank === -1) return malformed('has no empty line before its signatures')
  const signatures = parseSignatureLines(all.slice(blank + 2))
  return 'refused' in signatures
    ? signatures
    : { value: { text: all.slice(0, blank + 1), signatures: signatures.value } }
}

/** Reads lines of signatures: those of a note, or those with which a witness answers. */
export function parseSignatureLines(lines: string): Parsed<readonly NoteSignature[]> {
  if (!lines.endsWith('\n')) return malformed('does not end with a line of a signature and a line feed')
  const texts = lines.slice(0, -1).split('\n')
  if (texts.length > MAX_SIGNATURES) return malformed(`has more than ${MAX_SIGNATURES} signatures`)
  const signatures: NoteSignature[] = []
  for (const text of texts) {
    const [, name = '', base64 = ''] = /^\u2014 ([^ ]+) ([^ ]+)$/u.exec(text) ?? []
    const bytes = bytesOfBase64(base64)
    if (!isKeyName(name)) return malformed('has a line after its text that is no signature')
    if (bytes === undefined || bytes.length <= ID_BYTES) return malformed('has a signature that is not in base64')
    signatures.push({ name, id: bytes.toString('hex', 0, ID_BYTES), bytes: bytes.subarray(ID_BYTES) })
  }
  return { value: signatures }
}

/** Lines of signatures, as they are below the text of a note. */
export function signatureLines(signatures: readonly NoteSignature[]): string {
  return signatures.map(({ name, id, bytes }) => `\u2014 ${name} ${encoded(id, bytes)}\n`).join('')
}

/** What `parseNote` reads. @throws Failure JW_UNEXPECTED when the text or a name cannot be that of a note */
export function noteText({ text, signatures }: Note): string {
  const note = `${text}\n${signatureLines(signatures)}`
  const read = parseNote(note)
  if ('refused' in read) throw new Failure('JW_UNEXPECTED', read.refused.message)
  if (read.value.text !== text) throw new Failure('JW_UNEXPECTED', 'the text of a note ends with a line feed')
  return note
}

/**
 * Verifies every signature of a known key. Signatures of other keys are passed over, whatever they are. Refused when a
 * known key did not make what bears its name and id, and when no known key signed.
 * @throws Failure JW_CONFIG_INVALID when two different keys have one name and id
 */
export function verifyNote(note: Note, keys: readonly NoteKey[]): Parsed<VerifiedNote> {
  const verified: VerifiedSignature[] = []
  for (const signature of note.signatures) {
    const key = keyOf(signature, keys)
    if (key === undefined) continue
    const good = verifySignature(note.text, key, signature)
    if (good === undefined) return refuse('bad_signature', `the signature is not that of the key ${key.name}+${key.id}`)
    verified.push(good)
  }
  return verified.length === 0
    ? refuse('unsigned', 'the note is signed by no known key')
    : { value: { ...note, verified } }
}

const ID_BYTES = 4

function encoded(id: string, bytes: Buffer): string {
  return Buffer.concat([Buffer.from(id, 'hex'), bytes]).toString('base64')
}

function keyOf({ name, id }: NoteSignature, keys: readonly NoteKey[]): NoteKey | undefined {
  const [key, ...others] = keys.filter((known) => known.name === name && known.id === id)
  if (key !== undefined && others.some(({ publicKey }) => !publicKey.equals(key.publicKey)))
    throw new Failure('JW_CONFIG_INVALID', `two different keys are known as ${name}+${id}`)
  return key
}

function malformed(how: string) {
  return refuse('malformed_note', `the note ${how}`)
}
