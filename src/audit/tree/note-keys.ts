import { type KeyObject, createPrivateKey, createPublicKey, hash } from 'node:crypto'
import { bytesOfBase64 } from './canonical-text.ts'
import { type Parsed, refuse } from './parsed.ts'

/** What a key signs, with the byte that stands for it in key ids and verifier keys (C2SP signed-note). */
const KIND_BYTES = { ed25519: 0x01, 'cosignature/v1': 0x04 } as const

/** `ed25519` signs notes as they are; `cosignature/v1` signs checkpoints together with a time (C2SP tlog-cosignature). */
export type KeyKind = keyof typeof KIND_BYTES

/** The public half of a key of notes. Name and id together tell which key a signature claims to be of. */
export type NoteKey = {
  readonly name: string
  /** Eight lower-case hex digits. */
  readonly id: string
  readonly kind: KeyKind
  readonly publicKey: KeyObject
}

/** A key that can sign. */
export type SigningKey = NoteKey & { readonly privateKey: KeyObject }

/** Whether keys may have this name: not empty, without white space, `+` and control characters. */
export function isKeyName(name: string): boolean {
  // Not \s: that leaves out U+0085, which Unicode and Go count as a space.
  return name.isWellFormed() && /^[^\p{White_Space}+]+$/u.test(name) && !hasControls(name)
}

/** Whether a note may not have the text: it has a control character below U+0020 other than a line feed. */
export function hasControls(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit < 0x20 && unit !== 0x0a) return true
  }
  return false
}

/** The key that a verifier key, `name+id+base64`, stands for. Refused when the id is not that of the key. */
export function parseVerifierKey(text: string): Parsed<NoteKey> {
  // Base64 has + as well, so only the first two divide.
  const [, name = '', id = '', encoded = ''] = /^([^+]*)\+([0-9a-f]{8})\+(.*)$/.exec(text) ?? []
  const bytes = bytesOfBase64(encoded)
  if (bytes === undefined || bytes.length === 0 || !isKeyName(name))
    return refuse('malformed_key', 'a verifier key is a name, eight lower-case hex digits and base64, with + between')
  const kind = KINDS.find((known) => KIND_BYTES[known] === bytes[0])
  if (kind === undefined)
    return refuse('unknown_key_type', 'the verifier key is of another type than Ed25519 and cosignature/v1')
  const raw = bytes.subarray(1)
  if (raw.length !== RAW_BYTES) return refuse('malformed_key', `an Ed25519 public key has ${RAW_BYTES} bytes`)
  if (keyId(name, kind, raw) !== id) return refuse('wrong_key_id', 'the id of the verifier key is not that of its key')
  const publicKey = createPublicKey({ key: Buffer.concat([SPKI, raw]), format: 'der', type: 'spki' })
  return { value: { name, id, kind, publicKey } }
}

/** What `parseVerifierKey` reads. */
export function verifierKeyText({ name, id, kind, publicKey }: NoteKey): string {
  return `${name}+${id}+${Buffer.concat([Buffer.of(KIND_BYTES[kind]), rawOf(publicKey)]).toString('base64')}`
}

/** A key of this name from an unencrypted Ed25519 private key in PEM (PKCS #8). No message quotes the key. */
export function parseSigningKey(name: string, kind: KeyKind, pem: string): Parsed<SigningKey> {
  if (!isKeyName(name)) return refuse('malformed_key', 'the name of a key is not empty, and has neither spaces nor +')
  const privateKey = privateKeyOf(pem)
  if (privateKey?.asymmetricKeyType !== 'ed25519')
    return refuse('malformed_key', 'it is not an unencrypted Ed25519 private key in PEM')
  const publicKey = createPublicKey(privateKey)
  return { value: { name, id: keyId(name, kind, rawOf(publicKey)), kind, publicKey, privateKey } }
}

const KINDS = ['ed25519', 'cosignature/v1'] as const satisfies readonly KeyKind[]
const RAW_BYTES = 32

/** What is before the 32 bytes of an Ed25519 public key in DER (RFC 8410). */
const SPKI = Buffer.from('302a300506032b6570032100', 'hex')

function rawOf(publicKey: KeyObject): Buffer {
  return publicKey.export({ format: 'der', type: 'spki' }).subarray(SPKI.length)
}

function keyId(name: string, kind: KeyKind, raw: Buffer): string {
  return hash('sha256', Buffer.concat([Buffer.from(`${name}\n`), Buffer.of(KIND_BYTES[kind]), raw])).slice(0, 8)
}

function privateKeyOf(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem)
  } catch {
    return undefined // It is no key at all, or needs a passphrase.
  }
}
