import { generateKeyPairSync } from 'node:crypto'
import { Command } from 'commander'
import { parseSigningKey, verifierKeyText } from '../src/audit/tree/note-keys.ts'
import { Failure } from '../src/domain/failure.ts'
import { print } from '../src/process/terminal.ts'
import { writeNewFiles } from './write-new-files.ts'

type Flags = { readonly out: string; readonly origin: string }

/** `jobwarden audit keygen`: a key that signs the tree, for nobody but its owner, and the public key for everybody. */
export function auditKeygenCommand(): Command {
  return new Command('keygen')
    .description('make the key that signs the tree of the trail, and print the public key that verifies it')
    .requiredOption('--out <file>', 'private key to write; it must not exist yet')
    .requiredOption('--origin <name>', 'name of the log, such as example.com/audit/production')
    .action(async ({ out, origin }: Flags) => {
      const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
      const key = parseSigningKey(origin, 'ed25519', pem)
      if ('refused' in key) throw new Failure('JW_CONFIG_INVALID', `--origin: ${key.refused.message}`)
      await writeNewFiles([{ file: out, text: pem, mode: 0o600 }])
      print(`${verifierKeyText(key.value)}\n`)
    })
}
