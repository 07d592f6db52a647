import { readFile } from 'node:fs/promises'
import { Command } from 'commander'
import { verifyRecordProof } from '../src/audit/prove-record.ts'
import { Failure, messageOf } from '../src/domain/failure.ts'
import { printableJson } from '../src/domain/printable.ts'
import { print, say } from '../src/process/terminal.ts'
import { KEY_FLAG, verifierKey } from './open-trail.ts'

type Flags = { readonly key: string }

/** `jobwarden audit verify-proof`: needs the file and the public key, and nothing else. */
export function auditVerifyProofCommand(): Command {
  return new Command('verify-proof')
    .description('verify a file of `audit prove`, without the database, and print the record as JSON')
    .argument('<file>', 'the proof')
    .requiredOption(...KEY_FLAG)
    .addHelpText('after', '\nExit status: 0 it verifies, 1 it does not, 2 wrong flags.')
    .action(async (file: string, { key: text }: Flags) => {
      const key = verifierKey(text)
      const proven = verifyRecordProof(await bytesOf(file), { origin: key.name, keys: [key] })
      if ('refused' in proven) {
        say(proven.refused.message)
        process.exitCode = 1
      } else print(`${printableJson(proven.value)}\n`)
    })
}

async function bytesOf(file: string): Promise<Buffer> {
  try {
    return await readFile(file)
  } catch (error) {
    throw new Failure('JW_CONFIG_INVALID', `cannot read the file: ${messageOf(error)}`, { cause: error })
  }
}
