import { sign, verify } from 'node:crypto'
import { Failure } from '../../domain/failure.ts'
import { parseCheckpointText } from './checkpoint-text.ts'
import type { NoteKey, SigningKey } from './note-keys.ts'

/** A signature line of a note: the key that it claims to be of, and the bytes after the id. */
export type NoteSignature = { readonly name: string; readonly id: string; readonly bytes: Buffer }

/** A signature that verified; `time` is when a cosignature was made, in seconds since 1970. */
export type VerifiedSignature = NoteSignature & { readonly time: number | undefined }

/** Signs the text of a note with a key of the kind `ed25519`. @throws Failure JW_UNEXPECTED for another kind */
export function signText(text: string, key: SigningKey): NoteSignature {
  if (key.kind !== 'ed25519') throw new Failure('JW_UNEXPECTED', `the key ${key.name} only cosigns checkpoints`)
  return { name: key.name, id: key.id, bytes: sign(null, Buffer.from(text), key.privateKey) }
}

/**
 * Cosigns the text of a checkpoint (C2SP tlog-cosignature): as of `time`, in seconds since 1970, it states the largest
 * consistent tree that the cosigner has seen of this log.
 * @throws Failure JW_UNEXPECTED for a key of another kind, another text, or a time that is not after 1970
 */
export function cosign(text: string, key: SigningKey, time: number): NoteSignature {
  if (key.kind !== 'cosignature/v1') throw new Failure('JW_UNEXPECTED', `the key ${key.name} does not cosign`)
  if (!Number.isSafeInteger(time) || time <= 0 || 'refused' in parseCheckpointText(text))
    throw new Failure('JW_UNEXPECTED', 'a cosignature is on a checkpoint, at a whole number of seconds since 1970')
  const bytes = Buffer.alloc(TIME_BYTES)
  bytes.writeBigUInt64BE(BigInt(time))
  const signature = sign(null, cosignedBytes(text, time), key.privateKey)
  return { name: key.name, id: key.id, bytes: Buffer.concat([bytes, signature]) }
}

/** The signature with its time, if the key made it on this text; otherwise undefined. The name and id must be the key's. */
export function verifySignature(text: string, key: NoteKey, signature: NoteSignature): VerifiedSignature | undefined {
  const { name, id, bytes } = signature
  if (name !== key.name || id !== key.id) return undefined
  switch (key.kind) {
    case 'ed25519':
      return verify(null, Buffer.from(text), key.publicKey, bytes) ? { name, id, bytes, time: undefined } : undefined
    case 'cosignature/v1': {
      const time = timeOf(bytes)
      if (time === undefined || 'refused' in parseCheckpointText(text)) return undefined
      return verify(null, cosignedBytes(text, time), key.publicKey, bytes.subarray(TIME_BYTES))
        ? { name, id, bytes, time }
        : undefined
    }
    default:
      return key.kind satisfies never
  }
}

const SIGNATURE_BYTES = 64
const TIME_BYTES = 8

function cosignedBytes(text: string, time: number): Buffer {
  return Buffer.from(`cosignature/v1\ntime ${time}\n${text}`)
}

/** No witness leaves the time out, and none has a clock past 2^53 seconds. */
function timeOf(bytes: Buffer): number | undefined {
  if (bytes.length !== TIME_BYTES + SIGNATURE_BYTES) return undefined
  const time = Number(bytes.readBigUInt64BE())
  return Number.isSafeInteger(time) && time > 0 ? time : undefined
}
