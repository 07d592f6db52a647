import { readFile } from 'node:fs/promises'
import { Command } from 'commander'
import { type Checkpoint } from '../src/audit/tree/checkpoint-text.ts'
import { openCheckpoint } from '../src/audit/tree/checkpoints.ts'
import { proveConsistency } from '../src/audit/tree/make-proofs.ts'
import type { NoteKey } from '../src/audit/tree/note-keys.ts'
import { hashesOfTiles } from '../src/audit/tree/read-tiles.ts'
import { provesConsistency } from '../src/audit/tree/verify-proofs.ts'
import { Failure, messageOf } from '../src/domain/failure.ts'
import { printableJson } from '../src/domain/printable.ts'
import { print, say } from '../src/process/terminal.ts'
import { StoredTrail } from '../src/storage/trail/stored-trail.ts'
import { EXIT_STATUS, KEY_FLAG, verifierKey, withTrail } from './open-trail.ts'

type Flags = { readonly key: string; readonly json?: boolean }

/** `jobwarden audit consistency`: nothing of an older tree was changed or taken away. */
export function auditConsistencyCommand(env: Readonly<Record<string, string | undefined>>): Command {
  return new Command('consistency')
    .description('prove that the tree of one checkpoint begins with all leaves of an older one')
    .argument('<older>', 'a file with a checkpoint, or the size of one that the database has')
    .argument('<newer>', 'the same')
    .requiredOption(...KEY_FLAG)
    .option('--json', 'print both trees and the proof as one line of JSON')
    .addHelpText('after', EXIT_STATUS)
    .action(async (older: string, newer: string, { key: text, json = false }: Flags) => {
      const key = verifierKey(text)
      await withTrail(env, 'jobwarden_reader', async (database) => {
        const stored = new StoredTrail(database)
        const [from, to] = [await checkpointOf(older, stored, key), await checkpointOf(newer, stored, key)]
        if (from.size > to.size) throw new Failure('JW_CONFIG_INVALID', `give the older checkpoint first`)
        const proof = await proveConsistency(from.size, to.size, hashesOfTiles(to.size, stored.readTiles))
        if (!provesConsistency(proof, from, to))
          throw new Failure(
            'JW_TRAIL_BROKEN',
            `the tree of ${to.size} leaves is not shown to begin with the ${from.size} of the older one`,
          )
        const inBase64 = ({ size, root }: Checkpoint) => ({ size, root: root.toString('base64') })
        if (!json) say(`the tree of ${to.size} leaves begins with all ${from.size} of the older one`)
        else {
          const hashes = proof.map((hash) => hash.toString('base64'))
          print(`${printableJson({ older: inBase64(from), newer: inBase64(to), proof: hashes })}\n`)
        }
      })
    })
}

async function checkpointOf(given: string, stored: StoredTrail, key: NoteKey): Promise<Checkpoint> {
  const opened = openCheckpoint(await noteOf(given, stored), { origin: key.name, keys: [key] }, [])
  if ('refused' in opened) throw new Failure('JW_TRAIL_BROKEN', `${given}: ${opened.refused.message}`)
  return opened.value.checkpoint
}

async function noteOf(given: string, stored: StoredTrail): Promise<string | Buffer> {
  const size = /^[1-9][0-9]{0,14}$/.test(given) ? Number(given) : undefined
  if (size !== undefined) {
    const [note] = await stored.checkpoints(size - 1, size)
    if (note === undefined) throw new Failure('JW_CONFIG_INVALID', `no checkpoint of ${size} leaves was signed`)
    return note
  }
  try {
    return await readFile(given)
  } catch (error) {
    throw new Failure('JW_CONFIG_INVALID', `cannot read the checkpoint: ${messageOf(error)}`, { cause: error })
  }
}
