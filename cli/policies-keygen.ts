import { type KeyObject, generateKeyPairSync } from 'node:crypto'
import { Command, Option } from 'commander'
import { ALGORITHMS, type BundleAlgorithm } from '../src/bundles/server/key-registry.ts'
import { print } from '../src/process/terminal.ts'
import { writeNewFiles } from './write-new-files.ts'

type Flags = { readonly out: string; readonly publicOut: string; readonly alg: BundleAlgorithm }

/** `jobwarden policies keygen`: makes a key pair for signing bundles. Only its owner may read the private key. */
export function policiesKeygenCommand(): Command {
  return new Command('keygen')
    .description('make a key pair for signing bundles, in PEM')
    .requiredOption('--out <file>', 'private key to write; it must not exist yet')
    .requiredOption('--public-out <file>', 'public key to write, for the bundle server and the sidecars')
    .addOption(new Option('--alg <algorithm>', 'the algorithm of its signatures').choices(ALGORITHMS).default('ES256'))
    .action(async ({ out, publicOut, alg }: Flags) => {
      const { privateKey, publicKey } = keyPair(alg)
      await writeNewFiles([
        { file: out, text: privateKey.export({ type: 'pkcs8', format: 'pem' }), mode: 0o600 },
        { file: publicOut, text: publicKey.export({ type: 'spki', format: 'pem' }), mode: 0o644 },
      ])
      print(`wrote ${out}\nwrote ${publicOut}\n`)
    })
}

function keyPair(algorithm: BundleAlgorithm): { readonly privateKey: KeyObject; readonly publicKey: KeyObject } {
  switch (algorithm) {
    case 'ES256':
      return generateKeyPairSync('ec', { namedCurve: 'P-256' })
    case 'RS256':
      return generateKeyPairSync('rsa', { modulusLength: 3072 })
    default:
      return algorithm satisfies never
  }
}
