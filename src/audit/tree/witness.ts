import { hash } from 'node:crypto'
import type { AddCheckpoint } from './add-checkpoint.ts'
import type { Log } from './checkpoints.ts'
import { type TreeHead, emptyRoot } from './hashes.ts'
import type { SigningKey } from './note-keys.ts'
import { cosign } from './note-signatures.ts'
import { noteText, signatureLines, verifyNote } from './notes.ts'
import type { Parsed } from './parsed.ts'
import { provesConsistency } from './verify-proofs.ts'

/** A log that a witness follows. `cosigned` is the tree that it cosigned last; undefined before the first time. */
export type WitnessedLog = Log & { readonly cosigned: TreeHead | undefined }

/** An answer of a witness. Whoever serves it adds nothing. */
export type WitnessAnswer = {
  readonly status: 200 | 400 | 403 | 404 | 409 | 422
  readonly contentType: string
  readonly body: string
}

/**
 * What a witness keeps of a log after it cosigned. `from` is the size that it must still have as its last when this is
 * stored: comparing and storing are one step, and the answer is sent after it. `note` is the checkpoint as monitors get it,
 * with the signatures of the log that verified and the new cosignature.
 */
export type Cosigned = {
  readonly origin: string
  readonly from: number
  readonly tree: TreeHead
  readonly note: string
}

export type Witnessed = { readonly answer: WitnessAnswer; readonly next?: Cosigned }

/**
 * Answers a request to add a checkpoint (C2SP tlog-witness): cosigns it if it grew out of the tree that was cosigned last.
 * `log` is what the witness knows of the request's origin, undefined for a log that it does not follow; `now` is in seconds
 * since 1970. Without `next`, nothing changes.
 */
export function addCheckpoint(
  request: Parsed<AddCheckpoint>,
  log: WitnessedLog | undefined,
  key: SigningKey,
  now: number,
): Witnessed {
  if ('refused' in request) return said(400, request.refused.message)
  const { oldSize, proof, note, checkpoint } = request.value
  if (log?.origin !== checkpoint.origin) return said(404, 'this witness does not follow the log')
  const signed = verifyNote(note, log.keys)
  if ('refused' in signed) return said(403, signed.refused.message)

  const tree = { size: checkpoint.size, root: checkpoint.root }
  const last = log.cosigned ?? { size: 0, root: emptyRoot() }
  if (oldSize > tree.size) return said(400, 'the old size is larger than the checkpoint')
  if (oldSize !== last.size) return answered(409, 'text/x.tlog.size', `${last.size}\n`)
  if (!provesConsistency(proof, last, tree))
    return said(422, `the checkpoint is not shown to begin with the ${last.size} leaves that were cosigned`)

  const cosignature = cosign(note.text, key, now)
  const signatures = [...signed.value.verified, cosignature]
  return {
    ...answered(200, PLAIN, signatureLines([cosignature])),
    next: { origin: log.origin, from: last.size, tree, note: noteText({ text: note.text, signatures }) },
  }
}

/** The path below a witness's prefix at which monitors read the latest checkpoint of a log. */
export function monitoringPath(origin: string): string {
  return `${hash('sha256', origin)}/checkpoint`
}

const PLAIN = 'text/plain; charset=utf-8'

function said(status: WitnessAnswer['status'], sentence: string): Witnessed {
  return answered(status, PLAIN, `${sentence}\n`)
}

function answered(status: WitnessAnswer['status'], contentType: string, body: string): Witnessed {
  return { answer: { status, contentType, body } }
}
