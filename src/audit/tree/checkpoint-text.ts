import { wholeNumberOf } from './canonical-text.ts'
import { type TreeHead, hashOfBase64 } from './hashes.ts'
import { type Parsed, refuse } from './parsed.ts'

/** What a log states (C2SP tlog-checkpoint): how large its tree is and the root, with further lines that mean nothing here. */
export type Checkpoint = TreeHead & { readonly origin: string; readonly extensions: readonly string[] }

/** The text of a checkpoint, which is signed. */
export function checkpointText({ origin, size, root, extensions }: Checkpoint): string {
  return [origin, String(size), root.toString('base64'), ...extensions].map((line) => `${line}\n`).join('')
}

/** The checkpoint of the text of a note. `checkpointText` gives the same text back. */
export function parseCheckpointText(text: string): Parsed<Checkpoint> {
  if (!text.endsWith('\n')) return malformed('does not end with a line feed')
  const [origin = '', size = '', root = '', ...extensions] = text.slice(0, -1).split('\n')
  if (origin === '') return malformed('has no origin')
  const leaves = wholeNumberOf(size)
  if (leaves === undefined) return malformed('has no size from 0 to 2^53 - 1 in its second line')
  const hash = hashOfBase64(root)
  if (hash === undefined) return malformed('has no root hash in its third line')
  if (extensions.includes('')) return malformed('has an empty line')
  return { value: { origin, size: leaves, root: hash, extensions } }
}

function malformed(how: string) {
  return refuse('malformed_checkpoint', `the checkpoint ${how}`)
}
