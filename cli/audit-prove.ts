import { writeFile } from 'node:fs/promises'
import { Command } from 'commander'
import { proveRecord } from '../src/audit/prove-record.ts'
import { Failure, messageOf } from '../src/domain/failure.ts'
import { print, say } from '../src/process/terminal.ts'
import { StoredTrail } from '../src/storage/trail/stored-trail.ts'
import { EXIT_STATUS, KEY_FLAG, verifierKey, withTrail } from './open-trail.ts'

type Flags = { readonly key: string; readonly out?: string }

/** `jobwarden audit prove`: a file that shows one record to whoever has the public key. */
export function auditProveCommand(env: Readonly<Record<string, string | undefined>>): Command {
  return new Command('prove')
    .description('write a proof that the trail has a record as it is')
    .argument('<id>', 'id of the command, or of what was no command')
    .requiredOption(...KEY_FLAG)
    .option('--out <file>', 'file to write; it must not exist yet (default: <id>.tlog-proof)')
    .addHelpText('after', EXIT_STATUS)
    .action(async (id: string, { key: text, out = `${id}.tlog-proof` }: Flags) => {
      const key = verifierKey(text)
      await withTrail(env, 'jobwarden_reader', async (database) => {
        const stored = new StoredTrail(database)
        const index = await stored.indexOf(id)
        if (index === undefined) {
          say(`the tree has no leaf of "${id}": it is no record of the trail, or was recorded a moment ago`)
          process.exitCode = 1
          return
        }
        const proof = await proveRecord(stored, index, { origin: key.name, keys: [key] })
        try {
          await writeFile(out, proof, { flag: 'wx' })
        } catch (error) {
          throw new Failure('JW_CONFIG_INVALID', `cannot write the proof: ${messageOf(error)}`, { cause: error })
        }
        print(`wrote ${out}\n`)
      })
    })
}
