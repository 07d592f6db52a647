import { readFile } from 'node:fs/promises'
import { Command } from 'commander'
import { type BundleAlgorithm, KeyId, algorithmOf } from '../src/bundles/server/key-registry.ts'
import { Failure, messageOf } from '../src/domain/failure.ts'
import { obtainOpa } from '../devkit/obtain-opa.ts'
import { signBundle } from '../src/policy-tools/write-bundle.ts'
import { flagOf } from './flag-values.ts'
import { readBundle } from './bundles.ts'
import { print, say } from '../src/process/terminal.ts'

type Flags = { readonly key: string; readonly keyid: string; readonly out?: string }

/** `jobwarden policies sign`: has OPA sign a bundle for the environment that it was built for. */
export function policiesSignCommand(): Command {
  return new Command('sign')
    .description('sign a bundle for the environment that it was built for')
    .argument('<bundle>', 'bundle to sign')
    .requiredOption('--key <file>', 'PEM file of the private key; `policies keygen` makes one')
    .requiredOption('--keyid <name>', 'name of the key, as the bundle server and the sidecars know it', flagOf(KeyId))
    .option('--out <file>', 'signed bundle to write (default: replaces the other)')
    .action(async (bundle: string, { key: keyFile, keyid, out = bundle }: Flags) => {
      const algorithm = await algorithmOfFile(keyFile)
      const { path: opa } = await obtainOpa({ say })
      const { environment: scope, manifest } = await readBundle(opa, bundle)
      await signBundle({ opa, bundle, out, keyFile, algorithm, keyid, scope })
      print(`wrote ${out}: revision ${manifest.revision} signed by ${keyid} (${algorithm}) for ${scope}\n`)
    })
}

async function algorithmOfFile(file: string): Promise<BundleAlgorithm> {
  let pem: string
  try {
    pem = await readFile(file, 'utf8')
  } catch (error) {
    throw new Failure('JW_CONFIG_INVALID', `--key: ${messageOf(error)}`, { cause: error })
  }
  const algorithm = pem.includes('PRIVATE KEY') ? algorithmOf(pem) : undefined
  if (algorithm !== undefined) return algorithm
  const wanted = 'a private key in PEM without a passphrase, EC on P-256 or RSA of at least 2048 bits'
  throw new Failure('JW_CONFIG_INVALID', `--key ${file}: must be ${wanted}; OPA signs bundles with no other`)
}
